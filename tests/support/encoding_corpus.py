"""Rows in many languages, each with the encodings that files of it have had: what finding out an encoding is measured
on."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

WIDE = ("utf-16-le", "utf-16-be")
LEGACY = {
    "ru": ("cp1251", "koi8-r"), "uk": ("cp1251",), "bg": ("cp1251",), "el": ("cp1253",), "he": ("cp1255",),
    "ar": ("cp1256",), "fa": ("cp1256",), "tr": ("cp1254",), "pl": ("cp1250", "iso8859-2"),
    "cs": ("cp1250", "iso8859-2"), "hu": ("cp1250",), "en": ("cp1252",), "de": ("cp1252", "mac-roman"),
    "fr": ("cp1252",), "es": ("cp1252",), "pt": ("cp1252",), "sv": ("cp1252",), "th": ("cp874",),
    "zh": ("gb18030",), "zh-Hant": ("big5",), "ja": ("cp932", "euc_jp", "iso2022_jp"), "ko": ("cp949",), "hi": (),
    "mixed": (),
}  # fmt: skip
"""The languages, each with the encodings of its files beside UTF-8 and UTF-16."""

_ROWS = {
    "ru": """Где находится ваш магазин?|Наш магазин находится в центре города, рядом с вокзалом.
Сколько стоит доставка?|Доставка по городу бесплатная, если заказ больше трёх тысяч рублей.
Можно ли вернуть товар?|Да, в течение четырнадцати дней, если вы сохранили чек.
Когда вы работаете?|Мы открыты каждый день с девяти утра до восьми вечера.
Как отменить заказ?|Откройте личный кабинет, выберите заказ и нажмите кнопку отмены.
Кто написал эту книгу?|Её написал Антон Чехов в конце девятнадцатого века.
Спасибо!|Пожалуйста, обращайтесь ещё.""",
    "uk": """Де знаходиться ваш магазин?|Наш магазин розташований у центрі міста, біля вокзалу.
Скільки коштує доставка?|Доставка безкоштовна, якщо замовлення перевищує тисячу гривень.
Чи можна повернути товар?|Так, протягом чотирнадцяти днів, якщо ви зберегли чек.
Коли ви працюєте?|Ми відчинені щодня з дев'ятої ранку до восьмої вечора.
Як скасувати замовлення?|Відкрийте свій кабінет, виберіть замовлення і натисніть «Скасувати».
Дякую!|Будь ласка, звертайтеся ще.""",
    "bg": """Къде се намира вашият магазин?|Магазинът ни е в центъра на града, близо до гарата.
Колко струва доставката?|Доставката е безплатна за поръчки над петдесет лева.
Мога ли да върна стоката?|Да, в срок от четиринадесет дни, ако пазите касовата бележка.
Кога работите?|Отворени сме всеки ден от девет сутринта до осем вечерта.
Как да отменя поръчката си?|Влезте в профила си, изберете поръчката и натиснете „Отказ“.
Благодаря!|Моля, заповядайте пак.""",
    "el": """Πού βρίσκεται το κατάστημά σας;|Το κατάστημά μας βρίσκεται στο κέντρο της πόλης, δίπλα στον σταθμό.
Πόσο κοστίζει η αποστολή;|Η αποστολή είναι δωρεάν για παραγγελίες πάνω από πενήντα ευρώ.
Μπορώ να επιστρέψω το προϊόν;|Ναι, μέσα σε δεκατέσσερις ημέρες, αν έχετε κρατήσει την απόδειξη.
Πότε είστε ανοιχτά;|Είμαστε ανοιχτά κάθε μέρα από τις εννέα το πρωί έως τις οκτώ το βράδυ.
Πώς ακυρώνω την παραγγελία μου;|Ανοίξτε τον λογαριασμό σας, επιλέξτε την παραγγελία και πατήστε «Ακύρωση».
Ευχαριστώ!|Παρακαλώ, στη διάθεσή σας.""",
    "he": """איפה נמצאת החנות שלכם?|החנות שלנו נמצאת במרכז העיר, ליד תחנת הרכבת.
כמה עולה המשלוח?|המשלוח חינם בהזמנות מעל מאתיים שקלים.
האם אפשר להחזיר את המוצר?|כן, בתוך ארבעה עשר ימים, אם שמרתם את הקבלה.
מתי אתם פתוחים?|אנחנו פתוחים כל יום מתשע בבוקר עד שמונה בערב.
איך מבטלים הזמנה?|היכנסו לאזור האישי, בחרו את ההזמנה ולחצו על ביטול.
תודה!|בבקשה, נשמח לעזור שוב.""",
    "ar": """أين يقع متجركم؟|يقع متجرنا في وسط المدينة، بجانب محطة القطار.
كم تكلفة التوصيل؟|التوصيل مجاني للطلبات التي تزيد على مئتي ريال.
هل يمكنني إرجاع المنتج؟|نعم، خلال أربعة عشر يوما إذا احتفظت بالفاتورة.
متى تفتحون؟|نفتح كل يوم من الساعة التاسعة صباحا حتى الثامنة مساء.
كيف ألغي طلبي؟|ادخل إلى حسابك واختر الطلب ثم اضغط على زر الإلغاء.
شكرا!|على الرحب والسعة.""",
    "fa": """فروشگاه شما کجاست؟|فروشگاه ما در مرکز شهر و کنار ايستگاه قطار است.
هزينه ارسال چقدر است؟|براي سفارش هاي بزرگ ارسال رايگان است.
آيا مي توانم کالا را پس بدهم؟|بله، تا چهارده روز، اگر رسيد را نگه داشته باشيد.
چه ساعتي باز هستيد؟|هر روز از ساعت نه صبح تا هشت شب باز هستيم.
چگونه سفارش خود را لغو کنم؟|وارد حساب خود شويد، سفارش را انتخاب کنيد و دکمه لغو را بزنيد.
ممنون!|خواهش مي کنم.""",
    "tr": """Mağazanız nerede?|Mağazamız şehir merkezinde, tren istasyonunun yanında.
Kargo ücreti ne kadar?|İki yüz liranın üzerindeki siparişlerde kargo ücretsizdir.
Ürünü iade edebilir miyim?|Evet, fişi sakladıysanız on dört gün içinde iade edebilirsiniz.
Ne zaman açıksınız?|Her gün sabah dokuzdan akşam sekize kadar açığız.
Siparişimi nasıl iptal ederim?|Hesabınıza girin, siparişi seçin ve “İptal” düğmesine basın.
Teşekkürler!|Rica ederim, yine bekleriz.""",
    "pl": """Gdzie znajduje się wasz sklep?|Nasz sklep znajduje się w centrum miasta, obok dworca.
Ile kosztuje wysyłka?|Wysyłka jest bezpłatna przy zamówieniach powyżej dwustu złotych.
Czy mogę zwrócić towar?|Tak, w ciągu czternastu dni, jeśli zachowali Państwo paragon.
Kiedy jesteście otwarci?|Codziennie od dziewiątej rano do ósmej wieczorem, także w święta.
Jak anulować zamówienie?|Proszę otworzyć swoje konto, wybrać zamówienie i nacisnąć „Anuluj”.
Dziękuję!|Proszę bardzo, zapraszamy ponownie, służymy pomocą.""",
    "cs": """Kde se nachází váš obchod?|Náš obchod je v centru města, hned vedle nádraží.
Kolik stojí doprava?|Doprava je zdarma při nákupu nad tisíc korun.
Mohu zboží vrátit?|Ano, do čtrnácti dnů, pokud máte účtenku.
Kdy máte otevřeno?|Máme otevřeno každý den od devíti ráno do osmi večer.
Jak zruším objednávku?|Otevřete svůj účet, vyberte objednávku a stiskněte „Zrušit“.
Děkuji!|Není zač, těšíme se na vás příště.""",
    "hu": """Hol található az üzletük?|Az üzletünk a belvárosban van, a pályaudvar mellett.
Mennyibe kerül a szállítás?|A szállítás ingyenes, ha a rendelés meghaladja a tízezer forintot.
Visszaküldhetem a terméket?|Igen, tizennégy napon belül, ha megőrizte a nyugtát.
Mikor vannak nyitva?|Minden nap reggel kilenctől este nyolcig várjuk önöket.
Hogyan mondhatom le a rendelésemet?|Lépjen be a fiókjába, válassza ki a rendelést, és törölje a gombbal.
Köszönöm!|Szívesen, várjuk legközelebb is őszintén.""",
    "en": """Where’s your shop?|It’s in the centre — right next to the station.
How much is delivery?|Delivery is free for orders over £50, or €60 abroad.
Can I return it?|Yes, within 14 days, if you’ve kept the receipt; see “Returns”.
When do you open?|Daily, 9–20; there’s a café too, at 25 °C all year.
Can I cancel?|Don’t worry… open your account, choose “Cancel”, done.
Who made this?|© Meyer & Söhne, a naïve little firm.""",
    "de": """Wo ist Ihr Geschäft?|Unser Geschäft liegt in der Stadtmitte, gleich neben dem Bahnhof für Züge nach Süden.
Wie viel kostet der Versand?|Der Versand ist für Bestellungen über fünfzig Euro kostenlos.
Kann ich die Ware zurückgeben?|Ja, innerhalb von vierzehn Tagen, wenn Sie die Quittung haben.
Wann haben Sie geöffnet?|Täglich von neun Uhr früh bis acht Uhr abends.
Wie kann ich die Bestellung ändern?|Öffnen Sie Ihr Konto und wählen Sie «Ändern», das heißt: vor dem Versand.
Danke schön!|Gern geschehen, auf Wiederhören und schöne Grüße.""",
    "fr": """Où se trouve votre magasin ?|Il est situé au centre-ville, à côté de la gare.
Combien coûte la livraison ?|Elle est gratuite à partir de cinquante euros, même à l’étranger.
Puis-je retourner l’article ?|Oui, dans les quatorze jours, si vous avez gardé le reçu.
À quelle heure êtes-vous ouverts ?|Nous sommes là de neuf heures à vingt heures, même l’été et les jours fériés.
Comment annuler ma commande ?|Accédez à votre espace, sélectionnez la commande, puis « Annuler » à l’écran.
Merci, ça marche !|Très bien, à bientôt.""",
    "es": """¿Dónde está su tienda?|Nuestra tienda está en el centro, al lado de la estación.
¿Cuánto cuesta el envío?|El envío es gratuito para pedidos de más de cincuenta euros, también en España.
¿Puedo devolver el artículo?|Sí, en catorce días, si conservó el recibo de la señora.
¿Cuándo están abiertos?|Todos los días de nueve de la mañana a ocho de la tarde; el sábado también.
¿Cómo cancelo mi pedido?|Abra su cuenta, elija el pedido y pulse «Cancelación» mañana.
¡Muchas gracias, señor!|De nada, estamos aquí para ayudarle en español.""",
    "pt": """Onde fica a sua loja?|A nossa loja fica no centro, ao lado da estação, não muito longe.
Quanto custa o envio?|O envio é grátis para encomendas acima de cinquenta euros, à vista.
Posso devolver o artigo?|Sim, em até catorze dias, se guardou o recibo; não há exceções.
A que horas estão abertos?|Das nove da manhã às oito da noite, também aos sábados e à terça.
Como cancelo a encomenda?|Abra a sua conta, escolha a opção certa e confirme a anulação.
Até amanhã!|Não há de quê, até à próxima.""",
    "sv": """Var ligger er butik?|Butiken ligger mitt i staden, nära järnvägsstationen på Östra gatan.
Vad kostar frakten?|Frakten är gratis för beställningar över femhundra kronor.
Kan jag lämna tillbaka varan?|Ja, inom fjorton dagar, om ni har sparat kvittot från köpet; då får ni pengarna åter.
När har ni öppet?|Vi har öppet varje dag från nio på morgonen till åtta på kvällen.
Hur ändrar jag min beställning?|Gå till ert konto, välj beställningen och tryck på ”Ändra”.
Tack så mycket!|Varsågod, välkommen åter.""",
    "th": """ร้านของคุณอยู่ที่ไหน|ร้านของเราอยู่ใจกลางเมือง ใกล้สถานีรถไฟ
ค่าส่งเท่าไหร่|จัดส่งฟรีเมื่อสั่งซื้อเกินห้าร้อยบาท
คืนสินค้าได้ไหม|ได้ ภายในสิบสี่วัน ถ้าคุณเก็บใบเสร็จไว้
เปิดกี่โมง|เปิดทุกวันตั้งแต่เก้าโมงเช้าถึงสองทุ่ม
ยกเลิกคำสั่งซื้ออย่างไร|เข้าสู่บัญชีของคุณ เลือกคำสั่งซื้อ แล้วกดปุ่มยกเลิก
ขอบคุณ|ด้วยความยินดีค่ะ""",
    "zh": """你们的商店在哪里？|我们的商店在市中心，火车站旁边。
运费多少钱？|订单满一百元免运费。
可以退货吗？|可以，请在十四天内带上发票办理退货。
你们几点开门？|我们每天早上九点到晚上八点营业。
怎么取消订单？|请登录您的账户，选择订单，然后点击取消。
谢谢！|不客气，欢迎下次光临。""",
    "zh-Hant": """你們的商店在哪裡？|我們的商店在市中心，火車站旁邊。
運費多少錢？|訂單滿一千元免運費。
可以退貨嗎？|可以，請在十四天內帶上發票辦理退貨。
你們幾點開門？|我們每天早上九點到晚上八點營業。
怎麼取消訂單？|請登入您的帳戶，選擇訂單，然後點擊取消。
謝謝！|不客氣，歡迎下次光臨。""",
    "ja": """お店はどこにありますか？|当店は市内の中心、駅のすぐ隣にあります。
送料はいくらですか？|五千円以上のご注文は送料無料です。
返品できますか？|はい、レシートがあれば十四日以内に返品できます。
営業時間を教えてください。|毎日、朝九時から夜八時まで営業しております。
注文をキャンセルするには？|マイページを開き、注文を選んでキャンセルを押してください。
ありがとう！|どういたしまして。またお越しください。""",
    "ko": """가게가 어디에 있나요?|저희 가게는 시내 중심, 기차역 옆에 있습니다.
배송비는 얼마인가요?|오만 원 이상 주문하시면 배송비가 무료입니다.
반품할 수 있나요?|네, 영수증이 있으면 십사 일 이내에 반품할 수 있습니다.
몇 시에 문을 여나요?|매일 아침 아홉 시부터 저녁 여덟 시까지 영업합니다.
주문을 어떻게 취소하나요?|계정에 들어가서 주문을 선택하고 취소를 누르세요.
감사합니다!|천만에요, 또 오세요.""",
    "hi": """आपकी दुकान कहाँ है?|हमारी दुकान शहर के बीच में, रेलवे स्टेशन के पास है।
डिलीवरी का खर्च कितना है?|पाँच सौ रुपये से अधिक के ऑर्डर पर डिलीवरी मुफ़्त है।
क्या मैं सामान लौटा सकता हूँ?|हाँ, चौदह दिनों के भीतर, यदि आपके पास रसीद है।
आप कब खुले रहते हैं?|हम हर दिन सुबह नौ बजे से रात आठ बजे तक खुले रहते हैं।
धन्यवाद!|आपका स्वागत है।""",
    "mixed": """How do I say “library” in Russian?|Библиотека: за углом, the next street on the left.
用中文怎么说 “good morning”？|早上好！In Greek it is καλημέρα, in Hebrew בוקר טוב.
日本語で「спасибо」は？|ありがとう。한국어로는 감사합니다.
€ or ₽?|5 € ≈ 500 ₽ — “cheap”, isn’t it? 🙂""",
}

_DECLARATION = {
    "ru": "Все люди рождаются свободными и равными в своём достоинстве и правах. Они наделены разумом и совестью и "
    "должны поступать в отношении друг друга в духе братства.",
    "uk": "Всі люди народжуються вільними і рівними у своїй гідності та правах. Вони наділені розумом і совістю і "
    "повинні діяти у відношенні один до одного в дусі братерства.",
    "bg": "Всички хора се раждат свободни и равни по достойнство и права. Те са надарени с разум и с"
    "ъвест и следва да "
    "се отнасят помежду си в дух на братство.",
    "el": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα. Είναι"
    " προικισμένοι με "
    "λογική και συνείδηση, και οφείλουν να συμπεριφέρονται μεταξύ τους με πνεύμα αδελφοσύνης.",
    "he": "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם. כולם חוננו בתבונה ובמצפון, לפיכך חו"
    "בה עליהם לנהוג איש "
    "ברעהו ברוח של אחווה.",
    "ar": "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق. وقد وهبوا عقلا وضميرا وعليهم أن يعامل "
    "بعضهم بعضا بروح "
    "الإخاء.",
    "fa": "تمام افراد بشر آزاد به دنيا مي آيند و از لحاظ حيثيت و حقوق با هم برابرند. همه داراي عقل و"
    " وجدان هستند و بايد "
    "نسبت به يکديگر با روح برادري رفتار کنند.",
    "tr": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. Akıl ve vicdana sahiptir"
    "ler ve birbirlerine "
    "karşı kardeşlik zihniyeti ile hareket etmelidirler.",
    "pl": "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są oni ob"
    "darzeni rozumem i "
    "sumieniem i powinni postępować wobec innych w duchu braterstwa.",
    "cs": "Všichni lidé rodí se svobodní a sobě rovní co do důstojnosti a práv. Jsou nadáni rozumem "
    "a svědomím a mají "
    "spolu jednat v duchu bratrství.",
    "hu": "Minden emberi lény szabadon születik és egyenlő méltósága és joga van. Az emberek, ésszel"
    " és lelkiismerettel "
    "bírván, egymással szemben testvéri szellemben kell hogy viseltessenek.",
    "en": "All human beings are born free and equal in dignity and rights. They’re endowed with reas"
    "on and conscience and "
    "should act towards one another in a “spirit of brotherhood”.",
    "de": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft un"
    "d Gewissen begabt "
    "und sollen einander im Geiste der Brüderlichkeit begegnen.",
    "fr": "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de raison et de "
    "conscience et doivent agir les uns envers les autres dans un esprit de fraternité.",
    "es": "Todos los seres humanos nacen libres e iguales en dignidad y derechos y, dotados como están de razón y "
    "conciencia, deben comportarse fraternalmente los unos con los otros.",
    "pt": "Todos os seres humanos nascem livres e iguais em dignidade e em direitos. Dotados de razã"
    "o e de consciência, "
    "devem agir uns para com os outros em espírito de fraternidade. Ninguém será mantido em escravid"
    "ão; não há exceção.",
    "sv": "Alla människor är födda fria och lika i värde och rättigheter. De är utrustade med förnuf"
    "t och samvete och "
    "bör handla gentemot varandra i en anda av broderskap.",
    "th": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ ต่างมีเหตุผลและมโนธรรม และควรปฏิบัติต่อกันด้วยเจตนารมณ์แห่งภราดรภาพ",
    "zh": "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。",
    "zh-Hant": "人人生而自由，在尊嚴和權利上一律平等。他們賦有理性和良心，並應以兄弟關係的精神相對待。",
    "ja": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。人間"
    "は、理性と良心とを授けられており、"
    "互いに同胞の精神をもって行動しなければならない。",
    "ko": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. 인간은 천부적으로 이"
    "성과 양심을 부여받았으며 서로 형제애의 "
    "정신으로 행동하여야 한다.",
    "hi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है। उ"
    "न्हें बुद्धि और "
    "अन्तरात्मा की देन प्राप्त है और परस्पर उन्हें भाईचारे के भाव से बर्ताव करना चाहिए।",
    "mixed": "All human beings are born free. Все люди рождаются свободными. 人人生而自由。Όλοι οι ά"
    "νθρωποι. 모든 인간은.",
}
_PICKED = 20261128  # seed

Pair = tuple[str, str]


@dataclass(frozen=True)
class Sample:
    """A text as a file of that kind, in that encoding."""

    language: str
    encoding: str
    length: str
    kind: str
    text: str

    @property
    def data(self) -> bytes:
        return self.text.encode(self.encoding)


def pairs(language: str) -> list[Pair]:
    return [(first, second) for first, _, second in (line.partition("|") for line in _ROWS[language].splitlines())]


def samples() -> Iterator[Sample]:
    """Every language in each of its encodings: one short row, five, a hundred, and a text, in all k"
    "inds of files."""
    for language, encodings in LEGACY.items():
        for encoding in (*encodings, *WIDE):
            known = [pair for pair in pairs(language) if _can_be(encoding, "".join(pair))]
            hundred = random.Random(_PICKED).choices(known, k=100)
            rows = {"one row": known[:1], "last row": known[-1:], "5 rows": known[:5], "100 rows": hundred}
            for (length, some), kind in product(rows.items(), _FORMS):
                yield Sample(language, encoding, length, kind, _FORMS[kind](some))
            yield Sample(language, encoding, "a text", ".txt", _DECLARATION[language] + "\n")


def _can_be(encoding: str, text: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _json_lines(rows: list[Pair]) -> str:
    return "".join(json.dumps(_row(pair), ensure_ascii=False) + "\n" for pair in rows)


def _document(rows: list[Pair]) -> str:
    return json.dumps([_row(pair) for pair in rows], ensure_ascii=False, indent=1)


def _table(rows: list[Pair]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([("prompt", "completion"), *rows])
    return text.getvalue()


def _lines(rows: list[Pair]) -> str:
    return "".join(f"{question} {answer}\n" for question, answer in rows)


def _row(pair: Pair) -> dict[str, str]:
    return dict(zip(("prompt", "completion"), pair, strict=True))


_FORMS = {".jsonl": _json_lines, ".json": _document, ".csv": _table, ".txt": _lines}
