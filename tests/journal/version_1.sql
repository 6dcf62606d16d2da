-- A store of version 1 (SQLite), made by the release that has it: three live entries, an answer, and one transaction in the log.
BEGIN TRANSACTION;
CREATE TABLE answered (
            revision INTEGER PRIMARY KEY, idempotency_key BLOB NOT NULL, result TEXT NOT NULL, digest BLOB NOT NULL);
INSERT INTO "answered" VALUES(2,X'666F6C646564','"result 2"',X'7E3B029B7EDDFCA7D9E32557F1E37C61');
CREATE TABLE deltamesh_schema (version INTEGER NOT NULL);
INSERT INTO "deltamesh_schema" VALUES(1);
CREATE TABLE entries (
            input TEXT NOT NULL, id TEXT NOT NULL, long_key TEXT, content TEXT NOT NULL, revision INTEGER NOT NULL,
            digest BLOB NOT NULL, PRIMARY KEY (input, id)) WITHOUT ROWID;
INSERT INTO "entries" VALUES('posts','"revision"',NULL,'[3]',3,X'52009706367EB10031A75667B191B1EB');
INSERT INTO "entries" VALUES('users','7',NULL,'[{"name":"Zoë"},null]',1,X'BFADF16377E66648845458224E34E3A6');
INSERT INTO "entries" VALUES('users','~e107f6ed39ba1bf3a239821ea1702a49','"longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglong"','[1]',1,X'EA8DD782D08EBF5DD6FAA055747545AE');
CREATE TABLE log (
            revision INTEGER PRIMARY KEY, idempotency_key BLOB, result TEXT NOT NULL, writes TEXT NOT NULL,
            digest BLOB NOT NULL);
INSERT INTO "log" VALUES(4,X'696E20746865206C6F67','"result 4"','[["posts",[["revision",[4]]]]]',X'430BF3D3F3A1815A4B6E3914883988BD');
CREATE TABLE meta (
            id INTEGER PRIMARY KEY CHECK (id = 1), service TEXT NOT NULL, epoch TEXT NOT NULL, term INTEGER NOT NULL,
            revision INTEGER NOT NULL, log_digest BLOB NOT NULL, base INTEGER NOT NULL, base_digest BLOB NOT NULL,
            num_entries INTEGER NOT NULL, entries_digest BLOB NOT NULL);
INSERT INTO "meta" VALUES(1,'com.example.journal','0123456789abcdef',2,4,X'430BF3D3F3A1815A4B6E3914883988BD',3,X'D6CD26615639602CD09C00A4D719E551',3,X'FC3C5FEC7EF3D6A68CF64EDF743BDB3F');
COMMIT;
