BEGIN TRANSACTION;
CREATE TABLE adapters (
	id INTEGER NOT NULL, 
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
	PRIMARY KEY (id), 
	FOREIGN KEY(dataset_id) REFERENCES datasets (id) ON DELETE SET NULL, 
	FOREIGN KEY(model_id) REFERENCES models (id) ON DELETE SET NULL, 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE SET NULL, 
	UNIQUE (name), 
	UNIQUE (run_id)
);
INSERT INTO "adapters" VALUES(3,'name ’ 3','path ’ 3',3004,3,'base_name ’ 3','base_reference ’ 3','base_source ’ 3','base_revision ’ 3','base_license ’ 3',3,'dataset_name ’ 3','dataset_sha256 ’ 3',3012,3,'{"of": [3, null, "\u00e9"]}',3004,'{"of": [3, null, "\u00e9"]}',3005,3.1,3.1,3.1,'{"of": [3, null, "\u00e9"]}','hub_repo ’ 3','hub_url ’ 3','hub_commit ’ 3',3.1,'owner ’ 3',3.1,3.1);
INSERT INTO "adapters" VALUES(7,'name ’ 7','path ’ 7',7004,7,'base_name ’ 7','base_reference ’ 7','base_source ’ 7','base_revision ’ 7','base_license ’ 7',7,'dataset_name ’ 7','dataset_sha256 ’ 7',7012,7,'{"of": [7, null, "\u00e9"]}',7004,'{"of": [7, null, "\u00e9"]}',7005,7.1,7.1,7.1,'{"of": [7, null, "\u00e9"]}','hub_repo ’ 7','hub_url ’ 7','hub_commit ’ 7',7.1,'owner ’ 7',7.1,7.1);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE datasets (
	id INTEGER NOT NULL, 
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
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "datasets" VALUES(3,'name ’ 3','format ’ 3','sha256 ’ 3','file_name ’ 3','path ’ 3','rows_path ’ 3',3004,3004,'{"of": [3, null, "\u00e9"]}','owner ’ 3',3.1);
INSERT INTO "datasets" VALUES(7,'name ’ 7','format ’ 7','sha256 ’ 7','file_name ’ 7','path ’ 7','rows_path ’ 7',7004,7004,'{"of": [7, null, "\u00e9"]}','owner ’ 7',7.1);
CREATE TABLE metrics (
	run_id INTEGER NOT NULL, 
	kind VARCHAR NOT NULL, 
	step INTEGER NOT NULL, 
	at DOUBLE NOT NULL, 
	loss DOUBLE, 
	learning_rate DOUBLE, 
	grad_norm DOUBLE, 
	tokens_per_second DOUBLE, 
	memory INTEGER, 
	PRIMARY KEY (run_id, kind, step), 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "metrics" VALUES(3,'kind ’ 3',3004,3.1,3.1,3.1,3.1,3.1,3006);
INSERT INTO "metrics" VALUES(7,'kind ’ 7',7004,7.1,7.1,7.1,7.1,7.1,7006);
CREATE TABLE models (
	id INTEGER NOT NULL, 
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
	pid INTEGER, 
	process_started DOUBLE, 
	owner VARCHAR NOT NULL, 
	created_at DOUBLE NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "models" VALUES(3,'name ’ 3','reference ’ 3','source ’ 3','origin ’ 3','revision ’ 3','path ’ 3','status ’ 3','stage ’ 3',3004,3005,'problem ’ 3','remedy ’ 3',3004,3010,'architecture ’ 3','license ’ 3',3007,0,'folder ’ 3',3003,3.1,'owner ’ 3',3.1);
INSERT INTO "models" VALUES(7,'name ’ 7','reference ’ 7','source ’ 7','origin ’ 7','revision ’ 7','path ’ 7','status ’ 7','stage ’ 7',7004,7005,'problem ’ 7','remedy ’ 7',7004,7010,'architecture ’ 7','license ’ 7',7007,1,'folder ’ 7',7003,7.1,'owner ’ 7',7.1);
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	"key" VARCHAR, 
	status VARCHAR NOT NULL, 
	spec JSON NOT NULL, 
	model_id INTEGER NOT NULL, 
	dataset_id INTEGER, 
	model_name VARCHAR NOT NULL, 
	dataset_name VARCHAR NOT NULL, 
	folder VARCHAR NOT NULL, 
	pid INTEGER, 
	process_started DOUBLE, 
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
	PRIMARY KEY (id), 
	FOREIGN KEY(dataset_id) REFERENCES datasets (id) ON DELETE SET NULL, 
	FOREIGN KEY(model_id) REFERENCES models (id), 
	UNIQUE ("key")
);
INSERT INTO "runs" VALUES(3,'name ’ 3','key ’ 3','status ’ 3','{"of": [3, null, "\u00e9"]}',3,3,'model_name ’ 3','dataset_name ’ 3','folder ’ 3',3003,3.1,3006,3.1,'stage ’ 3',3010,3011,3004,3011,'{"of": [3, null, "\u00e9"]}',3.1,3.1,3.1,'problem ’ 3','remedy ’ 3','owner ’ 3',3.1,3.1,3.1);
INSERT INTO "runs" VALUES(7,'name ’ 7','key ’ 7','status ’ 7','{"of": [7, null, "\u00e9"]}',7,7,'model_name ’ 7','dataset_name ’ 7','folder ’ 7',7003,7.1,7006,7.1,'stage ’ 7',7010,7011,7004,7011,'{"of": [7, null, "\u00e9"]}',7.1,7.1,7.1,'problem ’ 7','remedy ’ 7','owner ’ 7',7.1,7.1,7.1);
CREATE INDEX ix_datasets_sha256 ON datasets (sha256);
CREATE INDEX ix_runs_status ON runs (status);
CREATE INDEX runs_newest ON runs (created_at DESC);
CREATE INDEX ix_adapters_model_id ON adapters (model_id);
COMMIT;
