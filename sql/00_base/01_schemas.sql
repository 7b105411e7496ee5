-- Schema ablo holds the kernel; schema ablo_model holds what the compiler writes for each model.
-- Everything after this file is created by ablo_owner.
do $schemas$
begin
  if not pg_catalog.has_database_privilege('ablo_owner', current_database(), 'create') then
    execute format('grant create on database %I to ablo_owner', current_database());
  end if;
  if not pg_catalog.has_schema_privilege('ablo_owner', 'public', 'create') then
    grant usage, create on schema public to ablo_owner;
  end if;
end
$schemas$;

set local role ablo_owner;

create schema if not exists ablo;
create schema if not exists ablo_model;

comment on schema ablo is 'ablo_pg kernel: log, commits, receipts, registry. See sql/README.md.';
comment on schema ablo_model is 'Compiled from the pushed schema; do not edit by hand.';
