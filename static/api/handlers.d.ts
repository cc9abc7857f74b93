// Written by scripts/handler_types.py out of the handlers' type hints in studio/ui/pages.

export interface Handlers {
  adapters: {
    delete: { args: { name: string }; result: null };
    detail: { args: { name: string }; result: any };
    listing: { args: { search?: string }; result: any };
    push: { args: { name: string; repo: string; private?: boolean; key?: string }; result: Record<string, string> };
    push_form: { args: { name: string }; result: any };
    rename: { args: { name: string; new_name: string }; result: null };
  };
  datasets: {
    add: { args: { uploads: string[]; names: string[] }; result: any };
    add_from_hub: { args: { repository: string; config?: string; split?: string; revision?: string }; result: any };
    add_sample: { args: Record<string, never>; result: any };
    clean: {
      args: { name: string; actions: any; model?: string; max_length?: number; validation?: string };
      result: any;
    };
    columns: { args: { name: string }; result: any };
    count_tokens: {
      args: { name: string; model?: string; max_length?: number; validation?: string; start?: boolean };
      result: any;
    };
    delete: { args: { name: string }; result: null };
    edited_row: { args: { name: string; edit: any; model?: string }; result: any };
    listing: { args: Record<string, never>; result: any };
    look: { args: { name: string }; result: any };
    look_at_hub: { args: { repository: string; visitor: string; revision?: string; config?: string }; result: any };
    preview_cleaning: {
      args: { name: string; actions: any; model?: string; max_length?: number; validation?: string };
      result: any;
    };
    problems: {
      args: {
        name: string;
        code?: string;
        search?: string;
        offset?: number;
        model?: string;
        max_length?: number;
        validation?: string;
      };
      result: any;
    };
    read_again: {
      args: {
        name: string;
        encoding?: string;
        delimiter?: string;
        sheet?: string;
        header?: string;
        rows?: string;
        layout?: any | null;
      };
      result: any;
    };
    refused: { args: { name: string; offset?: number }; result: any };
    rows: {
      args: {
        name: string;
        offset?: number;
        model?: string;
        max_length?: number;
        validation?: string;
        search?: string;
      };
      result: any;
    };
    save_edits: { args: { name: string; edits: any[] }; result: any };
    search_hub: { args: { words: string; visitor: string }; result: any };
    stop_counting: { args: { name: string; model: string; max_length?: number; validation?: string }; result: null };
    try_columns: { args: { name: string; layout: any }; result: any[] };
    twins: { args: { name: string; row: number }; result: any };
    whole_row: {
      args: { name: string; number: number; model?: string; max_length?: number; validation?: string };
      result: any;
    };
  };
  home: {
    add_model: { args: { reference: string }; result: null };
    add_sample: { args: Record<string, never>; result: Record<string, string> };
    overview: { args: Record<string, never>; result: any };
    repair: { args: Record<string, never>; result: Record<string, number> };
  };
  playground: {
    add_dataset_rows: { args: { dataset: string }; result: Record<string, number> };
    add_prompt_file: { args: { name: string; upload: string; skip_bad?: boolean }; result: Record<string, number> };
    add_prompts: { args: { name: string; text: string; skip_bad?: boolean }; result: Record<string, number> };
    add_run_rows: { args: { run: number }; result: Record<string, number> };
    check: { args: { sampling: Record<string, string> }; result: null };
    conversation: { args: { id: number }; result: any };
    conversations: { args: { search?: string }; result: any[] };
    delete_comparison: { args: { id: number }; result: null };
    delete_conversation: { args: { id: number }; result: null };
    delete_prompts: { args: { id: number }; result: null };
    evaluate: {
      args: { id: number; columns: any[]; sampling: Record<string, string>; name: string; key: string };
      result: Record<string, number>;
    };
    evaluation: { args: { id: number; page?: number; search?: string }; result: any };
    evaluation_file: { args: { id: number; format: "csv" | "jsonl" }; result: Record<string, string> };
    keep_conversation: { args: { name: string; content: any; id?: number | null }; result: any };
    options: { args: { runs?: number[] }; result: any };
    prompt_set: { args: { id: number; page?: number }; result: any };
    prompt_sets: { args: Record<string, never>; result: any };
    rename_conversation: { args: { id: number; name: string }; result: null };
    rename_prompts: { args: { id: number; name: string }; result: null };
    runs_with_rows: { args: Record<string, never>; result: any[] };
    standings: { args: { search?: string; blind?: boolean }; result: any };
    steer: { args: { id: number; wish: "stop" | "resume" | "delete" }; result: null };
    vote: {
      args: { comparison: number; choice: "best" | "tie" | "bad"; blind: boolean; place?: number | null };
      result: null;
    };
    vote_answer: {
      args: { id: number; place: number; choice: "best" | "tie" | "bad"; blind: boolean; column?: number | null };
      result: null;
    };
    votes_file: { args: { format: "csv" | "jsonl" }; result: Record<string, string> };
    votes_history: { args: { page?: number }; result: any };
  };
  runs: {
    ask: {
      args: {
        id: number;
        wish: "stop" | "end_now" | "discard" | "resume" | "hold" | "release" | "run_next" | "start_anyway";
      };
      result: null;
    };
    checkpoints: { args: { id: number }; result: any[] };
    compare: { args: { ids?: number[] | null; sweep?: number | null }; result: any };
    continue_with: {
      args: { id: number; key: string; name: string; epochs?: number | null; steps?: number | null };
      result: Record<string, number>;
    };
    listing: { args: { page?: number; search?: string; shown?: "" | "open" | "over" | "faulty" }; result: any };
    log: { args: { id: number }; result: Record<string, string> };
    move: { args: { id: number; before?: number | null }; result: null };
    pin: { args: { id: number; device?: string }; result: null };
    progress: { args: { id: number; after?: number; attempt?: number }; result: any };
    promote: { args: { id: number; step: number; name: string }; result: Record<string, string> };
  };
  settings: {
    add_model: { args: { reference: string }; result: null };
    check_model: { args: { name: string }; result: null };
    checked_model: { args: { name: string }; result: boolean };
    models: { args: Record<string, never>; result: any[] };
    remove_model: { args: { name: string }; result: null };
    remove_server: { args: Record<string, never>; result: null };
    remove_token: { args: Record<string, never>; result: null };
    save_server: { args: { url: string; key: string }; result: any };
    save_token: { args: { secret: string }; result: null };
    state: { args: Record<string, never>; result: any };
    storage_use: { args: Record<string, never>; result: any };
    test_server: { args: Record<string, never>; result: any };
    test_token: { args: Record<string, never>; result: any };
  };
  train: {
    add_model: { args: { reference: string }; result: any };
    add_sample: { args: Record<string, never>; result: Record<string, string> };
    begin: { args: { run?: number; dataset?: string }; result: any };
    check: { args: { values: any }; result: any };
    choices: { args: Record<string, never>; result: any };
    review: { args: { values: any; start?: boolean; again?: boolean }; result: any };
    sample: {
      args: {
        model: string;
        choice: "auto" | "chatml" | "llama-2" | "llama-3" | "zephyr" | "vicuna" | "alpaca" | "plain";
      };
      result: [string, boolean][];
    };
    start: {
      args: { values: any; name: string; key: string; axes?: Record<string, string> | null };
      result: Record<string, number>;
    };
    suggest_name: { args: { dataset?: string }; result: string };
  };
}

export interface Streams {
  adapters: Record<never, never>;
  datasets: Record<never, never>;
  home: Record<never, never>;
  playground: {
    answer: {
      args: {
        columns: ({
          column: {
            model: string;
            precision?: string;
            shares?: ({ adapter?: string; run?: number; step?: number; strength?: number })[];
          };
          messages: ({ role: "system" | "user" | "assistant"; content: string })[];
        })[];
        sampling: Record<string, string>;
      };
      result: any;
    };
  };
  runs: Record<never, never>;
  settings: Record<never, never>;
  train: Record<never, never>;
}
