-- What applies a commit returns the ids of rows that were created without one, and takes by which interface the
-- commit came. A model knows whether its table holds an id once for all organizations: set when it is registered.
drop function if exists ablo.commit_apply(text, text, jsonb, bigint);
drop function if exists ablo.commit_apply(text, text, jsonb, bigint, ablo.key_rights);
alter table ablo.model add column if not exists id_shared boolean not null default false;
