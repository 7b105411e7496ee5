-- Written by hand over years: words that are names, what was made and dropped again, old spellings.
CREATE SEQUENCE accounts_seq;
CREATE TABLE accounts (
    account_id integer DEFAULT nextval('accounts_seq'::text) PRIMARY KEY,
    name varchar(128) DEFAULT '' NOT NULL,
    separator text DEFAULT ',' NOT NULL,
    opening text DEFAULT '(' NOT NULL,
    exclude integer DEFAULT '0' NOT NULL,
    excluded_prefix varchar(20) DEFAULT NULL,
    period bigint NULL
) WITHOUT OIDS;
CREATE INDEX accounts_exclude ON accounts (exclude);

CREATE TABLE reports (
    report_id SERIAL UNIQUE NOT NULL PRIMARY KEY,
    account_id integer NOT NULL
        REFERENCES accounts (account_id) ON DELETE CASCADE ON UPDATE CASCADE,
    parent_id integer,
    "exclude" boolean DEFAULT false NOT NULL,
    title varchar(80) DEFAULT '' NOT NULL CONSTRAINT titled CHECK (title <> 'exclude, it'),
    FOREIGN KEY (parent_id) REFERENCES reports ON DELETE NO ACTION DEFERRABLE INITIALLY DEFERRED,
    UNIQUE (account_id, title)
);
CREATE UNIQUE INDEX reports_titles ON reports (title);
CREATE INDEX reports_lower ON reports (lower(title));
CREATE INDEX reports_parents ON reports (parent_id);

CREATE TABLE links (
    link_id bigint PRIMARY KEY,
    report_id integer NOT NULL REFERENCES reports (report_id),
    other_id integer NOT NULL,
    storage text
);
ALTER TABLE links ADD CONSTRAINT links_other FOREIGN KEY (other_id) REFERENCES reports (report_id)
    ON UPDATE SET NULL ON DELETE SET NULL;
ALTER TABLE links ADD COLUMN compression text DEFAULT '' NOT NULL;
ALTER TABLE links ADD COLUMN generated boolean;
ALTER TABLE links ALTER COLUMN storage SET STORAGE EXTERNAL;

UPDATE links SET storage = '';
DELETE FROM links WHERE storage IS NULL;
ALTER TABLE links DROP CONSTRAINT links_other, DROP CONSTRAINT IF EXISTS links_report_id_fkey;
ALTER TABLE links ADD FOREIGN KEY (report_id) REFERENCES reports (report_id) ON DELETE SET DEFAULT;
ALTER TABLE reports DROP CONSTRAINT reports_account_id_title_key;
DROP INDEX reports_titles, reports_lower;
DROP INDEX IF EXISTS public.reports_parents CASCADE;
DROP FUNCTION IF EXISTS renumber(integer);
DROP TABLE IF EXISTS never_made;
