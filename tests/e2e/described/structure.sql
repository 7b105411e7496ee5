SET statement_timeout = 0;
SET lock_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;

--
-- Name: touch(); Type: FUNCTION; Schema: public
--

CREATE FUNCTION public.touch() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  new.updated_at := now(); -- a; semicolon
  return new;
end;
$$;

SET default_tablespace = '';
SET default_table_access_method = heap;

CREATE TABLE public.ar_internal_metadata (
    key character varying NOT NULL,
    value character varying,
    created_at timestamp(6) without time zone NOT NULL,
    updated_at timestamp(6) without time zone NOT NULL
);

CREATE TABLE public.accounts (
    id bigint NOT NULL,
    username character varying DEFAULT ''::character varying NOT NULL,
    domain character varying,
    note text DEFAULT ''::text NOT NULL,
    locked boolean DEFAULT false NOT NULL,
    actor_type character varying(20),
    discoverable boolean,
    also_known_as character varying[],
    fields jsonb DEFAULT '{}'::jsonb,
    trust_level integer DEFAULT 0,
    score double precision DEFAULT 0.5,
    price numeric(10,2) DEFAULT 1.50 NOT NULL,
    kind character varying DEFAULT 'person'::character varying NOT NULL,
    born date DEFAULT '2020-01-31'::date,
    created_at timestamp(6) with time zone NOT NULL,
    updated_at timestamp(6) with time zone NOT NULL,
    search tsvector,
    full_name text GENERATED ALWAYS AS (((username)::text || note)) STORED,
    CONSTRAINT accounts_kind CHECK (((kind)::text = ANY ((ARRAY['person'::character varying, 'bot'::character varying, 'it''s'::character varying])::text[]))),
    CONSTRAINT accounts_note_length CHECK ((char_length(note) <= 500)),
    CONSTRAINT accounts_trust CHECK (((trust_level >= 0) AND (trust_level <= 4)))
);

CREATE SEQUENCE public.accounts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.accounts_id_seq OWNED BY public.accounts.id;

CREATE TABLE public.statuses (
    id bigint NOT NULL,
    uri character varying,
    text text DEFAULT ''::text NOT NULL,
    account_id bigint NOT NULL,
    in_reply_to_id bigint,
    created_at timestamp(6) with time zone NOT NULL,
    updated_at timestamp(6) with time zone NOT NULL,
    deleted_at timestamp without time zone
);

CREATE SEQUENCE public.statuses_id_seq
    AS integer
    START WITH 1;

ALTER SEQUENCE public.statuses_id_seq OWNED BY public.statuses.id;

CREATE TABLE public.statuses_tags (
    status_id bigint NOT NULL,
    tag_id bigint NOT NULL
);

CREATE TABLE public.events (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL
)
PARTITION BY RANGE (at);

CREATE TABLE public.events_2026 (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL
);

CREATE UNLOGGED TABLE public.caches (
    id text NOT NULL,
    value bytea
);

CREATE VIEW public.local_accounts AS
 SELECT accounts.id
   FROM public.accounts
  WHERE (accounts.domain IS NULL);

CREATE MATERIALIZED VIEW public.instances AS
 SELECT accounts.domain,
    count(*) AS accounts_count
   FROM public.accounts
  GROUP BY accounts.domain
  WITH NO DATA;

CREATE TABLE public.schema_migrations (
    version character varying NOT NULL
);

ALTER TABLE ONLY public.events ATTACH PARTITION public.events_2026 FOR VALUES FROM ('2026-01-01 00:00:00+00') TO ('2027-01-01 00:00:00+00');

ALTER TABLE ONLY public.accounts ALTER COLUMN id SET DEFAULT nextval('public.accounts_id_seq'::regclass);

ALTER TABLE ONLY public.statuses ALTER COLUMN id SET DEFAULT nextval('public.statuses_id_seq'::regclass);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.ar_internal_metadata
    ADD CONSTRAINT ar_internal_metadata_pkey PRIMARY KEY (key);

ALTER TABLE ONLY public.caches
    ADD CONSTRAINT caches_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.statuses
    ADD CONSTRAINT statuses_pkey PRIMARY KEY (id);

CREATE UNIQUE INDEX index_accounts_on_username_and_domain_lower ON public.accounts USING btree (lower((username)::text), COALESCE(lower((domain)::text), ''::text));

CREATE UNIQUE INDEX index_statuses_on_uri ON public.statuses USING btree (uri text_pattern_ops) WHERE (uri IS NOT NULL);

CREATE UNIQUE INDEX index_statuses_tags_on_tag_id_and_status_id ON public.statuses_tags USING btree (tag_id, status_id);

CREATE TRIGGER touch_accounts BEFORE UPDATE ON public.accounts FOR EACH ROW EXECUTE FUNCTION public.touch();

ALTER TABLE ONLY public.statuses
    ADD CONSTRAINT fk_9bda1543f7 FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.statuses
    ADD CONSTRAINT fk_rails_reply FOREIGN KEY (in_reply_to_id) REFERENCES public.statuses(id) ON DELETE SET NULL;

SET search_path TO "$user", public;

INSERT INTO "schema_migrations" (version) VALUES
('20260102030405'),
('20260101000000');
