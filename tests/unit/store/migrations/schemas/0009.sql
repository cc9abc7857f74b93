BEGIN TRANSACTION;
CREATE TABLE "adapters" (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR NOT NULL, 
	path VARCHAR NOT NULL, 
	size INTEGER NOT NULL, 
	model_id INTEGER, 
	base_name VARCHAR NOT NULL, 
	base_reference VARCHAR NOT NULL, 
	base_source VARCHAR NOT NULL, 
	base_revision VARCHAR NOT NULL, 
	base_license VARCHAR NOT NULL, 
	dataset_id INTEGER, 
	dataset_name VARCHAR NOT NULL, 
	dataset_sha256 VARCHAR NOT NULL, 
	dataset_rows INTEGER NOT NULL, 
	run_id INTEGER, 
	spec JSON NOT NULL, 
	seed INTEGER NOT NULL, 
	versions JSON NOT NULL, 
	steps INTEGER NOT NULL, 
	train_loss DOUBLE, 
	eval_loss DOUBLE, 
	best_eval_loss DOUBLE, 
	details JSON NOT NULL, 
	hub_repo VARCHAR NOT NULL, 
	hub_url VARCHAR NOT NULL, 
	hub_commit VARCHAR NOT NULL, 
	hub_pushed_at DOUBLE, 
	owner VARCHAR NOT NULL, 
	started_at DOUBLE, 
	created_at DOUBLE NOT NULL, 
	dataset_version INTEGER DEFAULT '1' NOT NULL, 
	checkpoint INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT uq_adapters_run_id_checkpoint UNIQUE (run_id, checkpoint), 
	CONSTRAINT adapters_name_key UNIQUE (name), 
	FOREIGN KEY(dataset_id) REFERENCES datasets (id) ON DELETE SET NULL, 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE SET NULL, 
	FOREIGN KEY(model_id) REFERENCES models (id) ON DELETE SET NULL
);
INSERT INTO "adapters" VALUES(3,'name ’ 3','path ’ 3',3004,3,'base_name ’ 3','base_reference ’ 3','base_source ’ 3','base_revision ’ 3','base_license ’ 3',3,'dataset_name ’ 3','dataset_sha256 ’ 3',3012,3,'{"of": [3, null, "\u00e9"]}',3004,'{"of": [3, null, "\u00e9"]}',3005,3.1,3.1,3.1,'{"of": [3, null, "\u00e9"]}','hub_repo ’ 3','hub_url ’ 3','hub_commit ’ 3',3.1,'owner ’ 3',3.1,3.1,3015,3010);
INSERT INTO "adapters" VALUES(7,'name ’ 7','path ’ 7',7004,7,'base_name ’ 7','base_reference ’ 7','base_source ’ 7','base_revision ’ 7','base_license ’ 7',7,'dataset_name ’ 7','dataset_sha256 ’ 7',7012,7,'{"of": [7, null, "\u00e9"]}',7004,'{"of": [7, null, "\u00e9"]}',7005,7.1,7.1,7.1,'{"of": [7, null, "\u00e9"]}','hub_repo ’ 7','hub_url ’ 7','hub_commit ’ 7',7.1,'owner ’ 7',7.1,7.1,7015,7010);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0009');
CREATE TABLE column_maps (
	header VARCHAR NOT NULL, 
	layout JSON NOT NULL, 
	created_at DOUBLE NOT NULL, 
	PRIMARY KEY (header)
);
INSERT INTO "column_maps" VALUES('header ’ 3','{"of": [3, null, "\u00e9"]}',3.1);
INSERT INTO "column_maps" VALUES('header ’ 7','{"of": [7, null, "\u00e9"]}',7.1);
CREATE TABLE comparisons (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	"key" VARCHAR NOT NULL, 
	prompt VARCHAR NOT NULL, 
	system VARCHAR NOT NULL, 
	owner VARCHAR NOT NULL, 
	sampling JSON NOT NULL, 
	contenders JSON NOT NULL, 
	states JSON NOT NULL, 
	evaluation_id INTEGER, 
	place INTEGER, 
	at DOUBLE NOT NULL, 
	FOREIGN KEY(evaluation_id) REFERENCES evaluations (id) ON DELETE SET NULL, 
	CONSTRAINT uq_comparisons_evaluation_id_place UNIQUE (evaluation_id, place)
);
INSERT INTO "comparisons" VALUES(3,'key ’ 3','prompt ’ 3','system ’ 3','owner ’ 3','{"of": [3, null, "\u00e9"]}','{"of": [3, null, "\u00e9"]}','{"of": [3, null, "\u00e9"]}',3,3005,3.1);
INSERT INTO "comparisons" VALUES(7,'key ’ 7','prompt ’ 7','system ’ 7','owner ’ 7','{"of": [7, null, "\u00e9"]}','{"of": [7, null, "\u00e9"]}','{"of": [7, null, "\u00e9"]}',7,7005,7.1);
CREATE TABLE conversations (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR NOT NULL, 
	owner VARCHAR NOT NULL, 
	content JSON NOT NULL, 
	turns INTEGER NOT NULL, 
	created_at DOUBLE NOT NULL, 
	changed_at DOUBLE NOT NULL
);
INSERT INTO "conversations" VALUES(3,'name ’ 3','owner ’ 3','{"of": [3, null, "\u00e9"]}',3005,3.1,3.1);
INSERT INTO "conversations" VALUES(7,'name ’ 7','owner ’ 7','{"of": [7, null, "\u00e9"]}',7005,7.1,7.1);
CREATE TABLE "datasets" (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR NOT NULL, 
	format VARCHAR NOT NULL, 
	sha256 VARCHAR NOT NULL, 
	file_name VARCHAR NOT NULL, 
	path VARCHAR NOT NULL, 
	rows_path VARCHAR NOT NULL, 
	rows INTEGER NOT NULL, 
	size INTEGER NOT NULL, 
	details JSON NOT NULL, 
	owner VARCHAR NOT NULL, 
	created_at DOUBLE NOT NULL, 
	version INTEGER DEFAULT '1' NOT NULL, 
	parent_id INTEGER, 
	steps JSON DEFAULT '[]' NOT NULL, 
	status VARCHAR DEFAULT 'ready' NOT NULL, 
	stage VARCHAR DEFAULT ('') NOT NULL, 
	done INTEGER DEFAULT '0' NOT NULL, 
	total INTEGER DEFAULT '0' NOT NULL, 
	problem VARCHAR DEFAULT ('') NOT NULL, 
	remedy VARCHAR DEFAULT ('') NOT NULL, 
	folder VARCHAR DEFAULT ('') NOT NULL, 
	worker VARCHAR DEFAULT '' NOT NULL, 
	CONSTRAINT uq_datasets_name_version UNIQUE (name, version)
);
INSERT INTO "datasets" VALUES(3,'name ’ 3','format ’ 3','sha256 ’ 3','file_name ’ 3','path ’ 3','rows_path ’ 3',3004,3004,'{"of": [3, null, "\u00e9"]}','owner ’ 3',3.1,3007,3009,'{"of": [3, null, "\u00e9"]}','status ’ 3','stage ’ 3',3004,3005,'problem ’ 3','remedy ’ 3','folder ’ 3','3003@3.1');
INSERT INTO "datasets" VALUES(7,'name ’ 7','format ’ 7','sha256 ’ 7','file_name ’ 7','path ’ 7','rows_path ’ 7',7004,7004,'{"of": [7, null, "\u00e9"]}','owner ’ 7',7.1,7007,7009,'{"of": [7, null, "\u00e9"]}','status ’ 7','stage ’ 7',7004,7005,'problem ’ 7','remedy ’ 7','folder ’ 7','7003@7.1');
CREATE TABLE evaluation_answers (
	evaluation_id INTEGER NOT NULL, 
	place INTEGER NOT NULL, 
	"column" INTEGER NOT NULL, 
	tokens INTEGER NOT NULL, 
	at DOUBLE NOT NULL, 
	tokens_per_second DOUBLE NOT NULL, 
	first_token_seconds DOUBLE NOT NULL, 
	text VARCHAR NOT NULL, 
	finish VARCHAR NOT NULL, 
	note VARCHAR NOT NULL, 
	error JSON NOT NULL, 
	label JSON NOT NULL, 
	failed BOOLEAN NOT NULL, 
	loss DOUBLE, 
	loss_tokens INTEGER, scores JSON DEFAULT '{}' NOT NULL, 
	PRIMARY KEY (evaluation_id, place, "column"), 
	FOREIGN KEY(evaluation_id) REFERENCES evaluations (id) ON DELETE CASCADE
);
INSERT INTO "evaluation_answers" VALUES(3,3005,3006,3006,3.1,3.1,3.1,'text ’ 3','finish ’ 3','note ’ 3','{"of": [3, null, "\u00e9"]}','{"of": [3, null, "\u00e9"]}',0,3.1,3011,'{"exact_match": 0.0, "contains": 1.0, "rouge_l": 0.8333333333333334, "bleu": 37.99178428257963, "chrf": 46.06431857575364}');
INSERT INTO "evaluation_answers" VALUES(7,7005,7006,7006,7.1,7.1,7.1,'text ’ 7','finish ’ 7','note ’ 7','{"of": [7, null, "\u00e9"]}','{"of": [7, null, "\u00e9"]}',0,7.3,7011,'{"exact_match": 1.0, "contains": 1.0, "bleu": 7.1, "chrf": 7.2}');
INSERT INTO "evaluation_answers" VALUES(7,7005,7007,7006,7.1,7.1,7.1,'text ’ 7','finish ’ 7','note ’ 7','{"of": [7, null, "\u00e9"]}','{"of": [7, null, "\u00e9"]}',1,NULL,NULL,'{}');
CREATE TABLE evaluations (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	set_name VARCHAR NOT NULL, 
	owner VARCHAR NOT NULL, 
	"key" VARCHAR, 
	set_id INTEGER NOT NULL, 
	prompts INTEGER NOT NULL, 
	"references" INTEGER NOT NULL, 
	columns JSON NOT NULL, 
	adapters JSON NOT NULL, 
	sampling JSON NOT NULL, 
	corpus JSON NOT NULL, 
	fault JSON NOT NULL, 
	created_at DOUBLE NOT NULL, 
	started_at DOUBLE, 
	ended_at DOUBLE, 
	FOREIGN KEY(set_id) REFERENCES prompt_sets (id), 
	UNIQUE ("key")
);
INSERT INTO "evaluations" VALUES(3,'name ’ 3','status ’ 3','set_name ’ 3','owner ’ 3','key ’ 3',3,3007,3010,'{"of": [3, null, "\u00e9"]}','{"of": [3, null, "\u00e9"]}','{"of": [3, null, "\u00e9"]}','{"of": [3, null, "\u00e9"]}','{"of": [3, null, "\u00e9"]}',3.1,3.1,3.1);
INSERT INTO "evaluations" VALUES(7,'name ’ 7','status ’ 7','set_name ’ 7','owner ’ 7','key ’ 7',7,7007,7010,'{"of": [7, null, "\u00e9"]}','{"of": [7, null, "\u00e9"]}','{"of": [7, null, "\u00e9"]}','{"of": [7, null, "\u00e9"]}','{"of": [7, null, "\u00e9"]}',7.1,7.1,7.1);
CREATE TABLE metrics (
	run_id INTEGER NOT NULL, 
	kind VARCHAR NOT NULL, 
	step INTEGER NOT NULL, 
	at DOUBLE NOT NULL, 
	loss DOUBLE, 
	learning_rate DOUBLE, 
	grad_norm DOUBLE, 
	tokens_per_second DOUBLE, 
	memory INTEGER, seq INTEGER DEFAULT '0' NOT NULL, figures JSON DEFAULT '{}' NOT NULL, 
	PRIMARY KEY (run_id, kind, step), 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "metrics" VALUES(3,'kind ’ 3',3004,3.1,3.1,3.1,3.1,3.1,3006,3003,'{}');
INSERT INTO "metrics" VALUES(7,'kind ’ 7',7004,7.1,7.1,7.1,7.1,7.1,7006,7003,'{"accuracy": 0.5, "margin": null}');
CREATE TABLE "models" (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR NOT NULL, 
	reference VARCHAR NOT NULL, 
	source VARCHAR NOT NULL, 
	origin VARCHAR NOT NULL, 
	revision VARCHAR NOT NULL, 
	path VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	stage VARCHAR NOT NULL, 
	done INTEGER NOT NULL, 
	total INTEGER NOT NULL, 
	problem VARCHAR NOT NULL, 
	remedy VARCHAR NOT NULL, 
	size INTEGER NOT NULL, 
	parameters INTEGER NOT NULL, 
	architecture VARCHAR NOT NULL, 
	license VARCHAR NOT NULL, 
	context INTEGER NOT NULL, 
	chat_template BOOLEAN NOT NULL, 
	folder VARCHAR NOT NULL, 
	owner VARCHAR NOT NULL, 
	created_at DOUBLE NOT NULL, 
	report JSON DEFAULT '{}' NOT NULL, worker VARCHAR DEFAULT '' NOT NULL, 
	UNIQUE (name)
);
INSERT INTO "models" VALUES(3,'name ’ 3','reference ’ 3','source ’ 3','origin ’ 3','revision ’ 3','path ’ 3','status ’ 3','stage ’ 3',3004,3005,'problem ’ 3','remedy ’ 3',3004,3010,'architecture ’ 3','license ’ 3',3007,0,'folder ’ 3','owner ’ 3',3.1,'{"of": [3, null, "\u00e9"]}','3003@3.1');
INSERT INTO "models" VALUES(7,'name ’ 7','reference ’ 7','source ’ 7','origin ’ 7','revision ’ 7','path ’ 7','status ’ 7','stage ’ 7',7004,7005,'problem ’ 7','remedy ’ 7',7004,7010,'architecture ’ 7','license ’ 7',7007,1,'folder ’ 7','owner ’ 7',7.1,'{"of": [7, null, "\u00e9"]}','7003@7.1');
CREATE TABLE prompt_sets (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR, 
	source VARCHAR NOT NULL, 
	owner VARCHAR NOT NULL, 
	prompts INTEGER NOT NULL, 
	"references" INTEGER NOT NULL, 
	created_at DOUBLE NOT NULL, 
	UNIQUE (name)
);
INSERT INTO "prompt_sets" VALUES(3,'name ’ 3','source ’ 3','owner ’ 3',3007,3010,3.1);
INSERT INTO "prompt_sets" VALUES(7,'name ’ 7','source ’ 7','owner ’ 7',7007,7010,7.1);
CREATE TABLE prompts (
	set_id INTEGER NOT NULL, 
	place INTEGER NOT NULL, 
	messages JSON NOT NULL, 
	text VARCHAR NOT NULL, 
	reference VARCHAR NOT NULL, 
	PRIMARY KEY (set_id, place), 
	FOREIGN KEY(set_id) REFERENCES prompt_sets (id) ON DELETE CASCADE
);
INSERT INTO "prompts" VALUES(3,3005,'{"of": [3, null, "\u00e9"]}','text ’ 3','reference ’ 3');
INSERT INTO "prompts" VALUES(7,7005,'{"of": [7, null, "\u00e9"]}','text ’ 7','reference ’ 7');
CREATE TABLE "runs" (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR NOT NULL, 
	"key" VARCHAR, 
	status VARCHAR NOT NULL, 
	spec JSON NOT NULL, 
	model_id INTEGER NOT NULL, 
	dataset_id INTEGER, 
	model_name VARCHAR NOT NULL, 
	dataset_name VARCHAR NOT NULL, 
	folder VARCHAR NOT NULL, 
	"offset" INTEGER NOT NULL, 
	stop_asked DOUBLE, 
	stage VARCHAR NOT NULL, 
	stage_done INTEGER NOT NULL, 
	stage_total INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	total_steps INTEGER NOT NULL, 
	started JSON NOT NULL, 
	train_loss DOUBLE, 
	eval_loss DOUBLE, 
	best_eval_loss DOUBLE, 
	problem VARCHAR NOT NULL, 
	remedy VARCHAR NOT NULL, 
	owner VARCHAR NOT NULL, 
	created_at DOUBLE NOT NULL, 
	started_at DOUBLE, 
	ended_at DOUBLE, 
	dataset_version INTEGER DEFAULT '1' NOT NULL, 
	position INTEGER DEFAULT '0' NOT NULL, 
	attempt INTEGER DEFAULT '0' NOT NULL, 
	attempt_offset INTEGER DEFAULT '0' NOT NULL, 
	resumes INTEGER DEFAULT '0' NOT NULL, 
	halvings INTEGER DEFAULT '0' NOT NULL, 
	device VARCHAR DEFAULT ('') NOT NULL, 
	placed_on VARCHAR DEFAULT ('') NOT NULL, 
	continue_from VARCHAR DEFAULT ('') NOT NULL, 
	held BOOLEAN DEFAULT 0 NOT NULL, 
	ignore_memory BOOLEAN DEFAULT 0 NOT NULL, 
	waiting JSON DEFAULT '{}' NOT NULL, 
	fault JSON DEFAULT '{}' NOT NULL, 
	checkpoint_step INTEGER DEFAULT '0' NOT NULL, 
	best_step INTEGER, 
	parent_id INTEGER, 
	ending VARCHAR, 
	sweep_id INTEGER, worker VARCHAR DEFAULT '' NOT NULL, 
	CONSTRAINT fk_runs_sweep_id FOREIGN KEY(sweep_id) REFERENCES sweeps (id) ON DELETE SET NULL, 
	FOREIGN KEY(model_id) REFERENCES models (id), 
	UNIQUE ("key"), 
	FOREIGN KEY(dataset_id) REFERENCES datasets (id) ON DELETE SET NULL
);
INSERT INTO "runs" VALUES(3,'name ’ 3','key ’ 3','status ’ 3','{"of": [3, null, "\u00e9"]}',3,3,'model_name ’ 3','dataset_name ’ 3','folder ’ 3',3006,3.1,'stage ’ 3',3010,3011,3004,3011,'{"of": [3, null, "\u00e9"]}',3.1,3.1,3.1,'problem ’ 3','remedy ’ 3','owner ’ 3',3.1,3.1,3.1,3015,3008,3007,3014,3007,3008,'device ’ 3','placed_on ’ 3','continue_from ’ 3',0,0,'{"of": [3, null, "\u00e9"]}','{"of": [3, null, "\u00e9"]}',3015,3009,3009,'ending ’ 3',3,'3003@3.1');
INSERT INTO "runs" VALUES(7,'name ’ 7','key ’ 7','status ’ 7','{"of": [7, null, "\u00e9"]}',7,7,'model_name ’ 7','dataset_name ’ 7','folder ’ 7',7006,7.1,'stage ’ 7',7010,7011,7004,7011,'{"of": [7, null, "\u00e9"]}',7.1,7.1,7.1,'problem ’ 7','remedy ’ 7','owner ’ 7',7.1,7.1,7.1,7015,7008,7007,7014,7007,7008,'device ’ 7','placed_on ’ 7','continue_from ’ 7',1,1,'{"of": [7, null, "\u00e9"]}','{"of": [7, null, "\u00e9"]}',7015,7009,7009,'ending ’ 7',7,'7003@7.1');
CREATE TABLE samples (
	run_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	place INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	prompt VARCHAR NOT NULL, 
	text VARCHAR NOT NULL, 
	PRIMARY KEY (run_id, step, place), 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "samples" VALUES(3,3004,3005,3003,'prompt ’ 3','text ’ 3');
INSERT INTO "samples" VALUES(7,7004,7005,7003,'prompt ’ 7','text ’ 7');
CREATE TABLE "sweeps" (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR NOT NULL, 
	"key" VARCHAR, 
	axes JSON NOT NULL, 
	owner VARCHAR NOT NULL, 
	created_at DOUBLE NOT NULL, 
	UNIQUE ("key")
);
INSERT INTO "sweeps" VALUES(3,'name ’ 3','key ’ 3','{"of": [3, null, "\u00e9"]}','owner ’ 3',3.1);
INSERT INTO "sweeps" VALUES(7,'name ’ 7','key ’ 7','{"of": [7, null, "\u00e9"]}','owner ’ 7',7.1);
CREATE TABLE transitions (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	at DOUBLE NOT NULL, 
	status VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	"values" JSON NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "transitions" VALUES(3,3,3.1,'status ’ 3','reason ’ 3','{"of": [3, null, "\u00e9"]}');
INSERT INTO "transitions" VALUES(7,7,7.1,'status ’ 7','reason ’ 7','{"of": [7, null, "\u00e9"]}');
CREATE TABLE votes (
	id INTEGER NOT NULL, 
	comparison_id INTEGER NOT NULL, 
	choice VARCHAR NOT NULL, 
	owner VARCHAR NOT NULL, 
	place INTEGER, 
	blind BOOLEAN NOT NULL, 
	at DOUBLE NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(comparison_id) REFERENCES comparisons (id) ON DELETE CASCADE
);
INSERT INTO "votes" VALUES(3,3,'choice ’ 3','owner ’ 3',3005,0,3.1);
INSERT INTO "votes" VALUES(7,7,'choice ’ 7','owner ’ 7',7005,1,7.1);
CREATE INDEX metrics_newest ON metrics (run_id, seq);
CREATE INDEX ix_transitions_run_id ON transitions (run_id);
CREATE INDEX ix_adapters_model_id ON adapters (model_id);
CREATE INDEX conversations_newest ON conversations (changed_at DESC);
CREATE INDEX ix_evaluations_status ON evaluations (status);
CREATE INDEX ix_evaluations_set_id ON evaluations (set_id);
CREATE INDEX ix_comparisons_key ON comparisons ("key");
CREATE INDEX ix_votes_comparison_id ON votes (comparison_id);
CREATE INDEX ix_datasets_sha256 ON datasets (sha256);
CREATE INDEX ix_runs_sweep_id ON runs (sweep_id);
CREATE INDEX ix_runs_status ON runs (status);
CREATE INDEX runs_newest ON runs (created_at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('adapters',7);
INSERT INTO "sqlite_sequence" VALUES('conversations',7);
INSERT INTO "sqlite_sequence" VALUES('prompt_sets',7);
INSERT INTO "sqlite_sequence" VALUES('evaluations',7);
INSERT INTO "sqlite_sequence" VALUES('comparisons',7);
INSERT INTO "sqlite_sequence" VALUES('models',7);
INSERT INTO "sqlite_sequence" VALUES('datasets',7);
INSERT INTO "sqlite_sequence" VALUES('sweeps',7);
INSERT INTO "sqlite_sequence" VALUES('runs',7);
COMMIT;
