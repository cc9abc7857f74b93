// What the modules get from the document around them.

// The dictionary of the page's language, English text → translation: the import map names its address.
declare module "studio/text" {
  const dictionary: Record<string, string>;
  export default dictionary;
}
