begin;

set local client_min_messages = warning;

select pg_catalog.set_config('search_path', ablo.table_path(null), true);

do $$ begin perform pg_advisory_xact_lock(hashtext('provision:public')); end $$;

-- ======== tests of values, shared by all models ========
create or replace function ablo_model.decimal_fits(p_digits text)
  returns boolean
  language sql immutable security invoker
  set search_path = pg_catalog, pg_temp
as $ablo$
  select whole + exponent <= 131072 and fraction - exponent <= 16383
  from (
    select
      length(substring(p_digits from '^[+-]?0*([0-9]*)')) as whole,
      length(coalesce(substring(p_digits from '[.]([0-9]*)'), '')) as fraction,
      coalesce(substring(p_digits from '[eE]([+-]?[0-9]+)$')::int, 0) as exponent
  ) d
$ablo$;

alter function ablo_model.decimal_fits(text) owner to ablo_owner;

revoke all on function ablo_model.decimal_fits(text) from public;

create or replace function ablo_model.is_string(v jsonb)
  returns boolean
  language sql immutable security invoker
as $ablo$
  select jsonb_typeof(v) = 'string'
$ablo$;

alter function ablo_model.is_string(jsonb) owner to ablo_owner;

revoke all on function ablo_model.is_string(jsonb) from public;

create or replace function ablo_model.is_boolean(v jsonb)
  returns boolean
  language sql immutable security invoker
as $ablo$
  select jsonb_typeof(v) = 'boolean'
$ablo$;

alter function ablo_model.is_boolean(jsonb) owner to ablo_owner;

revoke all on function ablo_model.is_boolean(jsonb) from public;

create or replace function ablo_model.is_json(v jsonb)
  returns boolean
  language sql immutable security invoker
as $ablo$
  select jsonb_typeof(v) <> 'null' and ablo.json_fits(v)
$ablo$;

alter function ablo_model.is_json(jsonb) owner to ablo_owner;

revoke all on function ablo_model.is_json(jsonb) from public;

create or replace function ablo_model.is_integer(v jsonb)
  returns boolean
  language sql immutable security invoker
as $ablo$
  select case jsonb_typeof(v)
    when 'number' then v::numeric between -9223372036854775808 and 9223372036854775807
      and v::numeric % 1 = 0
    else v is null and null
  end
$ablo$;

alter function ablo_model.is_integer(jsonb) owner to ablo_owner;

revoke all on function ablo_model.is_integer(jsonb) from public;

create or replace function ablo_model.is_number(v jsonb)
  returns boolean
  language sql immutable security invoker
as $ablo$
  select case jsonb_typeof(v)
    when 'number' then v::numeric between -1.7976931348623157e308 and 1.7976931348623157e308
      and (v::numeric = 0 or abs(v::numeric) >= 5e-324)
    else v is null and null
  end
$ablo$;

alter function ablo_model.is_number(jsonb) owner to ablo_owner;

revoke all on function ablo_model.is_number(jsonb) from public;

create or replace function ablo_model.is_decimal(v jsonb)
  returns boolean
  language sql immutable security invoker
as $ablo$
  select case when jsonb_typeof(v) = 'string' and v #>> '{}' ~ '^([+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,6})?)$'
    then octet_length(v #>> '{}') < 300 and v #>> '{}' !~* 'e'
      or ablo_model.decimal_fits(v #>> '{}')
    else v is null and null
  end
$ablo$;

alter function ablo_model.is_decimal(jsonb) owner to ablo_owner;

revoke all on function ablo_model.is_decimal(jsonb) from public;

create or replace function ablo_model.is_uuid(v jsonb)
  returns boolean
  language sql immutable security invoker
as $ablo$
  select jsonb_typeof(v) = 'string' and v #>> '{}' ~ '^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$'
$ablo$;

alter function ablo_model.is_uuid(jsonb) owner to ablo_owner;

revoke all on function ablo_model.is_uuid(jsonb) from public;

create or replace function ablo_model.is_date(v jsonb)
  returns boolean
  language sql immutable security invoker
as $ablo$
  select jsonb_typeof(v) = 'string' and v #>> '{}' ~ '^((?!0000)([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29))$'
$ablo$;

alter function ablo_model.is_date(jsonb) owner to ablo_owner;

revoke all on function ablo_model.is_date(jsonb) from public;

create or replace function ablo_model.is_datetime(v jsonb)
  returns boolean
  language sql stable security invoker
as $ablo$
  select case when jsonb_typeof(v) = 'string' and v #>> '{}' ~ '^((?!0000)([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?(Z|[+-](0[0-9]|1[0-5]):?[0-5][0-9]))$'
    then (v #>> '{}')::timestamptz between '0001-01-01 00:00:00+00'
      and '9999-12-31 23:59:59.999999+00'
    else v is null and null
  end
$ablo$;

alter function ablo_model.is_datetime(jsonb) owner to ablo_owner;

revoke all on function ablo_model.is_datetime(jsonb) from public;

create or replace function ablo_model.value_fits(p_field jsonb, p_value jsonb)
  returns boolean
  language sql stable security invoker
  set search_path = pg_catalog, pg_temp
as $ablo$
  select case p_field ->> 'type'
    when 'enum' then p_field -> 'values' @> p_value and jsonb_typeof(p_value) = 'string'
    when 'string' then ablo_model.is_string(p_value)
    when 'boolean' then ablo_model.is_boolean(p_value)
    when 'json' then ablo_model.is_json(p_value)
    when 'integer' then ablo_model.is_integer(p_value)
    when 'number' then ablo_model.is_number(p_value)
    when 'decimal' then ablo_model.is_decimal(p_value)
    when 'uuid' then ablo_model.is_uuid(p_value)
    when 'date' then ablo_model.is_date(p_value)
    when 'datetime' then ablo_model.is_datetime(p_value)
  end
$ablo$;

alter function ablo_model.value_fits(jsonb, jsonb) owner to ablo_owner;

revoke all on function ablo_model.value_fits(jsonb, jsonb) from public;

create or replace function ablo_model.field_refuse(p_code text, p_model text, p_field text, p_problem text, p_hint text)
  returns void
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp
as $ablo$
begin
  perform ablo.raise_error(p_code, p_model || '.' || left(p_field, 80) || ' ' || p_problem, p_hint,
    jsonb_build_object('model', p_model, 'field', left(p_field, 80)));
end
$ablo$;

alter function ablo_model.field_refuse(text, text, text, text, text) owner to ablo_owner;

revoke all on function ablo_model.field_refuse(text, text, text, text, text) from public;

create or replace function ablo_model.write_check(p_model text, p_fields jsonb, p_action text, p_id text, p_data jsonb)
  returns boolean
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp
as $ablo$
-- Finds what a write function's test has refused, and raises the error that says so. Returns when
-- all is well after all: the test sends everything above 1 MB here.
declare
  v_field text;
  v_spec jsonb;
  v_value jsonb;
  v_takes text[];
begin
  if nullif(current_setting('app.current_org_id', true), '') is null then
    perform ablo.raise_error('identity_missing_organization', 'no organization is set',
      'write through ablo.commit, which sets it');
  end if;
  if p_id is null or p_id = '' or octet_length(p_id) > 255 then
    perform ablo.raise_error('invalid_id',
      format('%s: the id %s is not a text of 1 to 255 bytes', p_model,
        coalesce(quote_literal(left(p_id, 40)), 'NULL')),
      'give the row a shorter id, such as a UUID', jsonb_build_object('model', p_model));
  end if;
  if p_data is null or jsonb_typeof(p_data) <> 'object' then
    perform ablo.raise_error('invalid_request',
      format('%s: data is %s, not an object', p_model, coalesce(jsonb_typeof(p_data), 'missing')),
      'send an object of field names and values', jsonb_build_object('model', p_model));
  end if;
  for v_field, v_value in select * from jsonb_each(p_data) loop
    v_spec := p_fields -> v_field;
    if v_spec is null then
      perform ablo_model.field_refuse('unknown_field', p_model, v_field,
        case when v_field in ('id', 'createdAt', 'updatedAt', 'organizationId', 'createdBy',
                              'archivedAt')
          then 'is kept by the database and cannot be written'
          else 'is not a field of the model'
        end,
        case v_field
          when 'id' then 'pass the id next to data, not in it'
          when 'archivedAt' then 'use the archive and unarchive actions'
          else 'leave it out; the fields are: ' || (
            select left(coalesce(string_agg(k, ', ' order by k), 'none'), 500)
            from jsonb_object_keys(p_fields) k)
        end);
    elsif jsonb_typeof(v_value) = 'null' then
      if (v_spec ->> 'required')::boolean then
        perform ablo_model.field_refuse('not_null_violation', p_model, v_field,
          'is required and cannot be null', 'send a value, or leave the field out of an update');
      end if;
    elsif octet_length(v_value #>> '{}') > 1048576 then
      perform ablo_model.field_refuse('request_too_large', p_model, v_field,
        format('is %s bytes long; 1048576 is the most', octet_length(v_value #>> '{}')),
        'store large content elsewhere and keep a reference to it here');
    elsif not ablo_model.value_fits(v_spec, v_value) then
      v_takes := case v_spec ->> 'type'
        when 'string' then array['a string', 'send a JSON string']
        when 'boolean' then array['a boolean', 'send true or false, not a string or a number']
        when 'json' then array['a JSON value of at most 128 levels, its numbers within double precision', 'send any such value but null; carry larger numbers in strings']
        when 'integer' then array['an integer', 'send a JSON number without a fraction, within 64 bits']
        when 'number' then array['a number', 'send a JSON number within double precision; JSON has no NaN or Infinity']
        when 'decimal' then array['a decimal', 'send the digits as a JSON string, such as "12.50"']
        when 'uuid' then array['a UUID', 'send a string such as "123e4567-e89b-12d3-a456-426614174000"']
        when 'date' then array['a date', 'send a string such as "2026-01-31"']
        when 'datetime' then array['a date and time with an offset', 'send a string such as "2026-01-31T12:00:00Z"']
        else array['one of ' || left((v_spec -> 'values')::text, 200),
          'send one of the listed values']
      end;
      perform ablo_model.field_refuse(
        case when v_spec ->> 'type' = 'enum' and jsonb_typeof(v_value) = 'string'
          then 'check_violation' else 'column_type_mismatch' end,
        p_model, v_field,
        format('takes %s, got the %s %s',
          v_takes[1], jsonb_typeof(v_value), left(v_value::text, 40)),
        v_takes[2]);
    end if;
  end loop;
  if p_action = 'create' then
    for v_field in
      select f.key from jsonb_each(p_fields) f
      where (f.value ->> 'required')::boolean and not f.value ? 'default' and not p_data ? f.key
      order by f.key
    loop
      perform ablo_model.field_refuse('not_null_violation', p_model, v_field,
        'is required and missing', 'send a value for it');
    end loop;
  end if;
  return true;
end
$ablo$;

alter function ablo_model.write_check(text, jsonb, text, text, jsonb) owner to ablo_owner;

revoke all on function ablo_model.write_check(text, jsonb, text, text, jsonb) from public;

-- ======== groups out of a list ========
create or replace function ablo_model.role_groups(p_kind text, p_ids jsonb)
  returns text[]
  language plpgsql immutable security invoker
as $ablo$
begin
  return array(
    select p_kind || ':' || i.id
    from jsonb_array_elements_text(
      case jsonb_typeof(p_ids) when 'array' then p_ids else '[]' end
    ) i (id)
    where i.id is not null
  );
end
$ablo$;

alter function ablo_model.role_groups(text, jsonb) owner to ablo_owner;

revoke all on function ablo_model.role_groups(text, jsonb) from public;

-- ======== table of comments (public.comments) ========
do $ablo$
begin
  if pg_catalog.to_regclass('"public"."comments"') is null then
    create table "public"."comments" (
      "id" text not null,
      "created_at" timestamptz not null default now(),
      "updated_at" timestamptz not null default now(),
      "organization_id" text not null,
      "created_by" text,
      "archived_at" timestamptz,
      constraint "comments_pkey" primary key ("organization_id", "id")
    );
    alter table "public"."comments" owner to ablo_owner;
  end if;
  if exists (
    select from unnest(array['organization_id']::text[]) n (name)
    where not exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."comments"'::regclass and a.attname = n.name and not a.attisdropped
    )
  ) then
    alter table "public"."comments" add column "organization_id" text;
    alter table "public"."comments" alter column "organization_id" set default (nullif(current_setting('app.current_org_id', true), ''));
    comment on column "public"."comments"."organization_id" is 'added by ablo_pg';
  end if;
  if exists (
    select from unnest(array['created_at', 'updated_at', 'organization_id', 'created_by', 'archived_at', 'body', 'task_id']::text[]) n (name)
    where not exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."comments"'::regclass and a.attname = n.name and not a.attisdropped
    )
  ) then
    alter table "public"."comments"
      add column if not exists "created_at" timestamptz not null default now(),
      add column if not exists "updated_at" timestamptz not null default now(),
      add column if not exists "organization_id" text,
      add column if not exists "created_by" text,
      add column if not exists "archived_at" timestamptz,
      add column if not exists "body" text,
      add column if not exists "task_id" text;
  end if;
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"public"."comments"'::regclass and c.relowner <> 'ablo_owner'::regrole
      and c.relforcerowsecurity
  ) and exists (
    select from pg_catalog.pg_policy p
    where p.polrelid = '"public"."comments"'::regclass
      and p.polname = 'comments_tenant_isolation'
      and p.polroles = '{0}'
      and pg_catalog.obj_description(p.oid, 'pg_policy') like 'ablo\_pg %'
  ) then
    alter table "public"."comments" owner to ablo_owner;
  end if;
end
$ablo$;

-- ======== table of countries (public.countries) ========
do $ablo$
begin
  if pg_catalog.to_regclass('"public"."countries"') is null then
    create table "public"."countries" (
      "id" text not null,
      "created_at" timestamptz not null default now(),
      "updated_at" timestamptz not null default now(),
      "created_by" text,
      "archived_at" timestamptz,
      constraint "countries_pkey" primary key ("id")
    );
    alter table "public"."countries" owner to ablo_owner;
  end if;
  if exists (
    select from unnest(array['created_at', 'updated_at', 'created_by', 'archived_at', 'name']::text[]) n (name)
    where not exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."countries"'::regclass and a.attname = n.name and not a.attisdropped
    )
  ) then
    alter table "public"."countries"
      add column if not exists "created_at" timestamptz not null default now(),
      add column if not exists "updated_at" timestamptz not null default now(),
      add column if not exists "created_by" text,
      add column if not exists "archived_at" timestamptz,
      add column if not exists "name" text;
  end if;
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"public"."countries"'::regclass and c.relowner <> 'ablo_owner'::regrole
      and c.relforcerowsecurity
  ) and exists (
    select from pg_catalog.pg_policy p
    where p.polrelid = '"public"."countries"'::regclass
      and p.polname = 'countries_tenant_isolation'
      and p.polroles = '{0}'
      and pg_catalog.obj_description(p.oid, 'pg_policy') like 'ablo\_pg %'
  ) then
    alter table "public"."countries" owner to ablo_owner;
  end if;
end
$ablo$;

-- ======== table of events (crm.Event Log) ========
do $ablo$
begin
  if not exists (
    select from pg_catalog.pg_namespace n where n.nspname = 'crm'
      and pg_catalog.has_schema_privilege('ablo_runtime', n.oid, 'usage')
      and pg_catalog.has_schema_privilege('ablo_owner', n.oid, 'usage')
      and pg_catalog.has_schema_privilege('ablo_owner', n.oid, 'create')
  ) then
    create schema if not exists "crm";
    grant usage on schema "crm" to ablo_runtime;
    grant usage, create on schema "crm" to ablo_owner;
  end if;
end
$ablo$;

do $ablo$
begin
  if pg_catalog.to_regclass('"crm"."Event Log"') is null then
    create table "crm"."Event Log" (
      "id" text not null,
      "created_at" timestamptz not null default now(),
      "updated_at" timestamptz not null default now(),
      "tenant" text not null,
      "created_by" text,
      "archived_at" timestamptz,
      constraint "Event Log_pkey" primary key ("tenant", "id")
    );
    alter table "crm"."Event Log" owner to ablo_owner;
  end if;
  if exists (
    select from unnest(array['tenant']::text[]) n (name)
    where not exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"crm"."Event Log"'::regclass and a.attname = n.name and not a.attisdropped
    )
  ) then
    alter table "crm"."Event Log" add column "tenant" text;
    alter table "crm"."Event Log" alter column "tenant" set default (nullif(current_setting('app.current_org_id', true), ''));
    comment on column "crm"."Event Log"."tenant" is 'added by ablo_pg';
  end if;
  if exists (
    select from unnest(array['created_at', 'updated_at', 'tenant', 'created_by', 'archived_at', 'Kind of "event"', 'payload']::text[]) n (name)
    where not exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"crm"."Event Log"'::regclass and a.attname = n.name and not a.attisdropped
    )
  ) then
    alter table "crm"."Event Log"
      add column if not exists "created_at" timestamptz not null default now(),
      add column if not exists "updated_at" timestamptz not null default now(),
      add column if not exists "tenant" text,
      add column if not exists "created_by" text,
      add column if not exists "archived_at" timestamptz,
      add column if not exists "Kind of ""event""" text,
      add column if not exists "payload" jsonb;
  end if;
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"crm"."Event Log"'::regclass and c.relowner <> 'ablo_owner'::regrole
      and c.relforcerowsecurity
  ) and exists (
    select from pg_catalog.pg_policy p
    where p.polrelid = '"crm"."Event Log"'::regclass
      and p.polname = 'Event Log_tenant_isolation'
      and p.polroles = '{0}'
      and pg_catalog.obj_description(p.oid, 'pg_policy') like 'ablo\_pg %'
  ) then
    alter table "crm"."Event Log" owner to ablo_owner;
  end if;
end
$ablo$;

-- ======== table of folders (public.folders) ========
do $ablo$
begin
  if pg_catalog.to_regclass('"public"."folders"') is null then
    create table "public"."folders" (
      "id" text not null,
      "created_at" timestamptz not null default now(),
      "updated_at" timestamptz not null default now(),
      "organization_id" text not null,
      "created_by" text,
      "archived_at" timestamptz,
      constraint "folders_pkey" primary key ("organization_id", "id")
    );
    alter table "public"."folders" owner to ablo_owner;
  end if;
  if exists (
    select from unnest(array['organization_id']::text[]) n (name)
    where not exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."folders"'::regclass and a.attname = n.name and not a.attisdropped
    )
  ) then
    alter table "public"."folders" add column "organization_id" text;
    alter table "public"."folders" alter column "organization_id" set default (nullif(current_setting('app.current_org_id', true), ''));
    comment on column "public"."folders"."organization_id" is 'added by ablo_pg';
  end if;
  if exists (
    select from unnest(array['created_at', 'updated_at', 'organization_id', 'created_by', 'archived_at', 'name', 'parent_id']::text[]) n (name)
    where not exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."folders"'::regclass and a.attname = n.name and not a.attisdropped
    )
  ) then
    alter table "public"."folders"
      add column if not exists "created_at" timestamptz not null default now(),
      add column if not exists "updated_at" timestamptz not null default now(),
      add column if not exists "organization_id" text,
      add column if not exists "created_by" text,
      add column if not exists "archived_at" timestamptz,
      add column if not exists "name" text,
      add column if not exists "parent_id" text;
  end if;
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"public"."folders"'::regclass and c.relowner <> 'ablo_owner'::regrole
      and c.relforcerowsecurity
  ) and exists (
    select from pg_catalog.pg_policy p
    where p.polrelid = '"public"."folders"'::regclass
      and p.polname = 'folders_tenant_isolation'
      and p.polroles = '{0}'
      and pg_catalog.obj_description(p.oid, 'pg_policy') like 'ablo\_pg %'
  ) then
    alter table "public"."folders" owner to ablo_owner;
  end if;
end
$ablo$;

-- ======== table of notes (public.notes) ========
do $ablo$
begin
  if pg_catalog.to_regclass('"public"."notes"') is null then
    create table "public"."notes" (
      "id" text not null,
      "created_at" timestamptz not null default now(),
      "updated_at" timestamptz not null default now(),
      "organization_id" text not null,
      "created_by" text,
      constraint "notes_pkey" primary key ("organization_id", "id")
    );
    alter table "public"."notes" owner to ablo_owner;
  end if;
  if exists (
    select from unnest(array['organization_id']::text[]) n (name)
    where not exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."notes"'::regclass and a.attname = n.name and not a.attisdropped
    )
  ) then
    alter table "public"."notes" add column "organization_id" text;
    alter table "public"."notes" alter column "organization_id" set default (nullif(current_setting('app.current_org_id', true), ''));
    comment on column "public"."notes"."organization_id" is 'added by ablo_pg';
  end if;
  if exists (
    select from unnest(array['created_at', 'updated_at', 'organization_id', 'created_by', 'text', 'archived_at']::text[]) n (name)
    where not exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."notes"'::regclass and a.attname = n.name and not a.attisdropped
    )
  ) then
    alter table "public"."notes"
      add column if not exists "created_at" timestamptz not null default now(),
      add column if not exists "updated_at" timestamptz not null default now(),
      add column if not exists "organization_id" text,
      add column if not exists "created_by" text,
      add column if not exists "text" text,
      add column if not exists "archived_at" timestamptz;
  end if;
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"public"."notes"'::regclass and c.relowner <> 'ablo_owner'::regrole
      and c.relforcerowsecurity
  ) and exists (
    select from pg_catalog.pg_policy p
    where p.polrelid = '"public"."notes"'::regclass
      and p.polname = 'notes_tenant_isolation'
      and p.polroles = '{0}'
      and pg_catalog.obj_description(p.oid, 'pg_policy') like 'ablo\_pg %'
  ) then
    alter table "public"."notes" owner to ablo_owner;
  end if;
end
$ablo$;

-- ======== table of projects (public.projects) ========
do $ablo$
begin
  if pg_catalog.to_regclass('"public"."projects"') is null then
    create table "public"."projects" (
      "id" text not null,
      "created_at" timestamptz not null default now(),
      "updated_at" timestamptz not null default now(),
      "organization_id" text not null,
      "created_by" text,
      "archived_at" timestamptz,
      constraint "projects_pkey" primary key ("organization_id", "id")
    );
    alter table "public"."projects" owner to ablo_owner;
  end if;
  if exists (
    select from unnest(array['organization_id']::text[]) n (name)
    where not exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."projects"'::regclass and a.attname = n.name and not a.attisdropped
    )
  ) then
    alter table "public"."projects" add column "organization_id" text;
    alter table "public"."projects" alter column "organization_id" set default (nullif(current_setting('app.current_org_id', true), ''));
    comment on column "public"."projects"."organization_id" is 'added by ablo_pg';
  end if;
  if exists (
    select from unnest(array['created_at', 'updated_at', 'organization_id', 'created_by', 'archived_at', 'name', 'team_id']::text[]) n (name)
    where not exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."projects"'::regclass and a.attname = n.name and not a.attisdropped
    )
  ) then
    alter table "public"."projects"
      add column if not exists "created_at" timestamptz not null default now(),
      add column if not exists "updated_at" timestamptz not null default now(),
      add column if not exists "organization_id" text,
      add column if not exists "created_by" text,
      add column if not exists "archived_at" timestamptz,
      add column if not exists "name" text,
      add column if not exists "team_id" text;
  end if;
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"public"."projects"'::regclass and c.relowner <> 'ablo_owner'::regrole
      and c.relforcerowsecurity
  ) and exists (
    select from pg_catalog.pg_policy p
    where p.polrelid = '"public"."projects"'::regclass
      and p.polname = 'projects_tenant_isolation'
      and p.polroles = '{0}'
      and pg_catalog.obj_description(p.oid, 'pg_policy') like 'ablo\_pg %'
  ) then
    alter table "public"."projects" owner to ablo_owner;
  end if;
end
$ablo$;

-- ======== table of tasks (public.tasks) ========
do $ablo$
begin
  if pg_catalog.to_regclass('"public"."tasks"') is null then
    create table "public"."tasks" (
      "id" text not null,
      "created_at" timestamptz not null default now(),
      "updated_at" timestamptz not null default now(),
      "organization_id" text not null,
      "created_by" text,
      "archived_at" timestamptz,
      constraint "tasks_pkey" primary key ("organization_id", "id")
    );
    alter table "public"."tasks" owner to ablo_owner;
  end if;
  if exists (
    select from unnest(array['organization_id']::text[]) n (name)
    where not exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."tasks"'::regclass and a.attname = n.name and not a.attisdropped
    )
  ) then
    alter table "public"."tasks" add column "organization_id" text;
    alter table "public"."tasks" alter column "organization_id" set default (nullif(current_setting('app.current_org_id', true), ''));
    comment on column "public"."tasks"."organization_id" is 'added by ablo_pg';
  end if;
  if exists (
    select from unnest(array['created_at', 'updated_at', 'organization_id', 'created_by', 'archived_at', 'title', 'status', 'priority', 'project_id', 'assignee', 'watchers', 'count', 'ratio', 'price', 'done', 'starts_at', 'due_on', 'ref', 'meta']::text[]) n (name)
    where not exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."tasks"'::regclass and a.attname = n.name and not a.attisdropped
    )
  ) then
    alter table "public"."tasks"
      add column if not exists "created_at" timestamptz not null default now(),
      add column if not exists "updated_at" timestamptz not null default now(),
      add column if not exists "organization_id" text,
      add column if not exists "created_by" text,
      add column if not exists "archived_at" timestamptz,
      add column if not exists "title" text,
      add column if not exists "status" text,
      add column if not exists "priority" text default 'low',
      add column if not exists "project_id" text,
      add column if not exists "assignee" text,
      add column if not exists "watchers" jsonb,
      add column if not exists "count" bigint,
      add column if not exists "ratio" double precision,
      add column if not exists "price" numeric,
      add column if not exists "done" boolean default false,
      add column if not exists "starts_at" timestamptz,
      add column if not exists "due_on" date,
      add column if not exists "ref" uuid,
      add column if not exists "meta" jsonb default '{"a":[1,"x"]}'::jsonb;
  end if;
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"public"."tasks"'::regclass and c.relowner <> 'ablo_owner'::regrole
      and c.relforcerowsecurity
  ) and exists (
    select from pg_catalog.pg_policy p
    where p.polrelid = '"public"."tasks"'::regclass
      and p.polname = 'tasks_tenant_isolation'
      and p.polroles = '{0}'
      and pg_catalog.obj_description(p.oid, 'pg_policy') like 'ablo\_pg %'
  ) then
    alter table "public"."tasks" owner to ablo_owner;
  end if;
end
$ablo$;

-- ======== table of teams (public.teams) ========
do $ablo$
begin
  if pg_catalog.to_regclass('"public"."teams"') is null then
    create table "public"."teams" (
      "id" text not null,
      "created_at" timestamptz not null default now(),
      "updated_at" timestamptz not null default now(),
      "organization_id" text not null,
      "created_by" text,
      "archived_at" timestamptz,
      constraint "teams_pkey" primary key ("organization_id", "id")
    );
    alter table "public"."teams" owner to ablo_owner;
  end if;
  if exists (
    select from unnest(array['organization_id']::text[]) n (name)
    where not exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."teams"'::regclass and a.attname = n.name and not a.attisdropped
    )
  ) then
    alter table "public"."teams" add column "organization_id" text;
    alter table "public"."teams" alter column "organization_id" set default (nullif(current_setting('app.current_org_id', true), ''));
    comment on column "public"."teams"."organization_id" is 'added by ablo_pg';
  end if;
  if exists (
    select from unnest(array['created_at', 'updated_at', 'organization_id', 'created_by', 'archived_at', 'name']::text[]) n (name)
    where not exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."teams"'::regclass and a.attname = n.name and not a.attisdropped
    )
  ) then
    alter table "public"."teams"
      add column if not exists "created_at" timestamptz not null default now(),
      add column if not exists "updated_at" timestamptz not null default now(),
      add column if not exists "organization_id" text,
      add column if not exists "created_by" text,
      add column if not exists "archived_at" timestamptz,
      add column if not exists "name" text;
  end if;
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"public"."teams"'::regclass and c.relowner <> 'ablo_owner'::regrole
      and c.relforcerowsecurity
  ) and exists (
    select from pg_catalog.pg_policy p
    where p.polrelid = '"public"."teams"'::regclass
      and p.polname = 'teams_tenant_isolation'
      and p.polroles = '{0}'
      and pg_catalog.obj_description(p.oid, 'pg_policy') like 'ablo\_pg %'
  ) then
    alter table "public"."teams" owner to ablo_owner;
  end if;
end
$ablo$;

-- ======== model comments (public.comments) ========

-- comments: types of its columns
do $ablo$
declare
  v_column record;
begin
  for v_column in
    select w.wire, a.attname, pg_catalog.format_type(a.atttypid, null) as has, w.types
    from (
      values
        ('body', 'body', array['text', 'varchar', 'bpchar', 'citext']::text[]),
        ('task_id', 'taskId', array['text', 'varchar', 'bpchar', 'citext']::text[])
    ) w (name, wire, types)
    join pg_catalog.pg_attribute a on a.attname = w.name
    join pg_catalog.pg_type t on t.oid = ablo.base_type(a.atttypid)
    where a.attrelid = '"public"."comments"'::regclass and not a.attisdropped and t.typname <> all (w.types)
  loop
    raise exception using
      errcode = 'AB040',
      message = pg_catalog.format('comments.%s: the column %s.%I is of type %s, not %s',
        v_column.wire, 'public.comments', v_column.attname, v_column.has, v_column.types[1]),
      hint = 'convert the column (alter table ... alter column ... type ...), or correct the field',
      detail = pg_catalog.json_build_object(
        'code', 'incompatible_change', 'model', 'comments', 'field', v_column.wire)::text;
  end loop;
end
$ablo$;

-- comments: required fields
do $ablo$
begin
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"public"."comments"'::regclass and c.relowner = 'ablo_owner'::regrole
  ) then
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."comments"'::regclass and a.attname = 'organization_id'
        and not a.attnotnull
    ) then
      update "public"."comments" t set "organization_id" = p."organization_id"
        from "public"."tasks" p
        where t."organization_id" is null and p."organization_id" is not null
          and p."id" = t."task_id";
      set constraints all immediate;
      set constraints all deferred;
      begin
        alter table "public"."comments" alter column "organization_id" set not null;
      exception when not_null_violation then
        raise warning '%.% still holds nulls: backfill it, then run this again',
          '"public"."comments"', 'organization_id';
      end;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."comments"'::regclass and a.attname = 'body'
        and not a.attnotnull
    ) then
      begin
        alter table "public"."comments" alter column "body" set not null;
      exception when not_null_violation then
        raise warning '%.% still holds nulls: backfill it, then run this again',
          '"public"."comments"', 'body';
      end;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."comments"'::regclass and a.attname = 'task_id'
        and not a.attnotnull
    ) then
      begin
        alter table "public"."comments" alter column "task_id" set not null;
      exception when not_null_violation then
        raise warning '%.% still holds nulls: backfill it, then run this again',
          '"public"."comments"', 'task_id';
      end;
    end if;
  else
    update "public"."comments" t set "organization_id" = p."organization_id"
      from "public"."tasks" p
      where t."organization_id" is null and p."organization_id" is not null
        and p."id" = t."task_id";
    set constraints all immediate;
    set constraints all deferred;
  end if;
end
$ablo$;

-- comments: indexes
do $ablo$
begin
  if not exists (
    select from pg_catalog.pg_index i
    join pg_catalog.pg_class c on c.oid = i.indexrelid
    where i.indrelid = '"public"."comments"'::regclass and c.relname = 'comments_task_id_idx'
  ) then
    create index "comments_task_id_idx" on "public"."comments" ("organization_id", "task_id");
  end if;
end
$ablo$;

-- comments: row-level security
do $ablo$
begin
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"public"."comments"'::regclass and c.relowner = 'ablo_owner'::regrole
  ) then
    if exists (
      select from pg_catalog.pg_class c
      where c.oid = '"public"."comments"'::regclass and not (c.relrowsecurity and c.relforcerowsecurity)
    ) then
      alter table "public"."comments" enable row level security;
      alter table "public"."comments" force row level security;
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."comments"'::regclass and p.polname = 'comments_tenant_isolation'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg 64b6fada'
    ) then
      drop policy if exists "comments_tenant_isolation" on "public"."comments";
      create policy "comments_tenant_isolation" on "public"."comments" for all
        using ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')))
        with check ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')));
      comment on policy "comments_tenant_isolation" on "public"."comments" is 'ablo_pg 64b6fada';
    end if;
  else
    if exists (
      select from pg_catalog.pg_class c
      where c.oid = '"public"."comments"'::regclass and not c.relrowsecurity
    ) or exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."comments"'::regclass
        and p.polname = 'comments_tenant_isolation'
        and p.polroles = '{0}'
        and pg_catalog.obj_description(p.oid, 'pg_policy') like 'ablo\_pg %'
    ) then
      if not exists (
        select from pg_catalog.pg_policy p
        where p.polrelid = '"public"."comments"'::regclass and p.polname = 'comments_all_rows'
          and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg c575bfb3'
      ) then
        drop policy if exists "comments_all_rows" on "public"."comments";
        create policy "comments_all_rows" on "public"."comments" for all
          to public
          using (true)
          with check (true);
        comment on policy "comments_all_rows" on "public"."comments" is 'ablo_pg c575bfb3';
      end if;
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."comments"'::regclass and p.polname = 'comments_ablo_rows'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg a99098dd'
    ) then
      drop policy if exists "comments_ablo_rows" on "public"."comments";
      create policy "comments_ablo_rows" on "public"."comments" for all
        to ablo_runtime, ablo_owner
        using (true)
        with check (true);
      comment on policy "comments_ablo_rows" on "public"."comments" is 'ablo_pg a99098dd';
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."comments"'::regclass and p.polname = 'comments_tenant_isolation'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg 61f27e58'
    ) then
      drop policy if exists "comments_tenant_isolation" on "public"."comments";
      create policy "comments_tenant_isolation" on "public"."comments" as restrictive for all
        to ablo_runtime
        using ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')))
        with check ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')));
      comment on policy "comments_tenant_isolation" on "public"."comments" is 'ablo_pg 61f27e58';
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."comments"'::regclass and p.polname = 'comments_kernel_tenant_isolation'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg e8fbda28'
    ) then
      drop policy if exists "comments_kernel_tenant_isolation" on "public"."comments";
      create policy "comments_kernel_tenant_isolation" on "public"."comments" as restrictive for all
        to ablo_owner
        using ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), ''))
          or (select not (pg_has_role(session_user, 'ablo_runtime', 'member') and not pg_has_role(session_user, 'ablo_owner', 'member'))))
        with check ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), ''))
          or (select not (pg_has_role(session_user, 'ablo_runtime', 'member') and not pg_has_role(session_user, 'ablo_owner', 'member'))));
      comment on policy "comments_kernel_tenant_isolation" on "public"."comments" is 'ablo_pg e8fbda28';
    end if;
    if exists (
      select from pg_catalog.pg_class c
      where c.oid = '"public"."comments"'::regclass and not c.relrowsecurity
    ) then
      alter table "public"."comments" enable row level security;
    end if;
  end if;
end
$ablo$;

-- comments: grants
grant select, insert, update, delete on table "public"."comments" to ablo_runtime;

grant select, insert, update, delete on table "public"."comments" to ablo_owner;

do $ablo$
declare
  v_sequence text;
begin
  for v_sequence in
    select distinct s.id::text
    from pg_catalog.pg_attribute a
    cross join ablo.id_sequence('"public"."comments"'::regclass, a.attname::text) s (id)
    where a.attrelid = '"public"."comments"'::regclass and a.attnum > 0 and not (
      pg_catalog.has_sequence_privilege('ablo_owner', s.id, 'usage')
      and pg_catalog.has_sequence_privilege('ablo_runtime', s.id, 'usage')
    )
  loop
    execute format('grant usage on sequence %s to ablo_owner, ablo_runtime', v_sequence);
  end loop;
end
$ablo$;

-- comments: a row as JSON
create or replace function ablo_model."comments__row"(r "public"."comments")
  returns json
  language sql stable security invoker
as $ablo$
  select pg_catalog.json_build_object(
    'id', r."id"::text,
    'createdAt', r."created_at"::timestamptz,
    'updatedAt', r."updated_at"::timestamptz,
    'organizationId', r."organization_id"::text,
    'createdBy', r."created_by"::text,
    'archivedAt', r."archived_at"::timestamptz,
    'body', r."body"::text,
    'taskId', r."task_id"::text
  )
$ablo$;

alter function ablo_model."comments__row"("public"."comments") owner to ablo_owner;

revoke all on function ablo_model."comments__row"("public"."comments") from public;

grant execute on function ablo_model."comments__row"("public"."comments") to ablo_runtime;

-- comments: reading a row
create or replace function ablo_model."comments__read"(p_id text)
  returns json
  language plpgsql stable security invoker
as $ablo$
#variable_conflict use_variable
declare
  v_organization "public"."comments"."organization_id"%type := nullif(current_setting('app.current_org_id', true), '');
  v_id "public"."comments"."id"%type := p_id;
begin
  return (
    select ablo_model."comments__row"(t.*)
    from "public"."comments" t
    where t."organization_id" = v_organization and t."id" = v_id
  );
end
$ablo$;

alter function ablo_model."comments__read"(text) owner to ablo_owner;

revoke all on function ablo_model."comments__read"(text) from public;

-- comments: groups of a row
create or replace function ablo_model."comments__groups"(r "public"."comments")
  returns text[]
  language plpgsql stable security invoker
as $ablo$
declare
  v_groups text[];
begin
  v_groups := array_remove(array[
    'org:' || r."organization_id",
    'comment:' || r."id",
    'work:' || r."task_id"
  ], null);
  if r."task_id" is not null then
    v_groups := ablo_model."tasks__above"(r."organization_id"::text, r."task_id"::text, v_groups);
  end if;
  return v_groups;
end
$ablo$;

alter function ablo_model."comments__groups"("public"."comments") owner to ablo_owner;

revoke all on function ablo_model."comments__groups"("public"."comments") from public;

-- comments: capture
create or replace function ablo_model."comments__capture"()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  set datestyle = 'ISO, MDY'
  set extra_float_digits = 1
as $ablo$
declare
  v_organization text;
  v_id text;
  v_op text;
  v_gone boolean := tg_op = 'DELETE';
  v_made boolean := tg_op = 'INSERT';
  v_groups text[];
  v_left text[];
  v_row json;
  v_changed text[];
  v_done text;
begin
  if tg_op = 'UPDATE' then
    v_made := old."organization_id" is null;
    v_gone := not v_made
      and (new."id" is distinct from old."id" or new."organization_id" is distinct from old."organization_id");
  end if;
  if coalesce(new."organization_id", old."organization_id") is null then
    return null;
  end if;
  loop
    if v_gone then
      v_organization := old."organization_id";
      v_id := old."id";
      v_op := 'D';
      v_groups := array_remove(array[
        'org:' || old."organization_id",
        'comment:' || old."id",
        'work:' || old."task_id"
      ], null);
      if old."task_id" is not null then
        v_groups := ablo_model."tasks__above"(old."organization_id"::text, old."task_id"::text, v_groups);
      end if;
      v_groups := array(
        select distinct g from unnest(v_groups || ablo.row_groups(v_organization, 'Comment', v_id)) g order by g
      );
    else
      v_organization := new."organization_id";
      v_id := new."id";
      begin
        v_row := pg_catalog.json_build_object(
        'id', new."id"::text,
        'createdAt', new."created_at"::timestamptz,
        'updatedAt', new."updated_at"::timestamptz,
        'organizationId', new."organization_id"::text,
        'createdBy', new."created_by"::text,
        'archivedAt', new."archived_at"::timestamptz,
        'body', new."body"::text,
        'taskId', new."task_id"::text
      );
        if not v_made then
          v_changed := array_remove(array[
        'updatedAt',
        case when old."created_at" is distinct from new."created_at" then 'createdAt' end,
        case when old."created_by"::text collate "C" is distinct from new."created_by"::text collate "C" then 'createdBy' end,
        case when old."archived_at" is distinct from new."archived_at" then 'archivedAt' end,
        case when old."body"::text collate "C" is distinct from new."body"::text collate "C" then 'body' end,
        case when old."task_id"::text collate "C" is distinct from new."task_id"::text collate "C" then 'taskId' end
      ], null);
        end if;
      exception when undefined_column then
        select d.row_json, d.changed into v_row, v_changed
        from ablo.row_drifted('Comment', tg_relid, case when not v_made then to_jsonb(old) end, to_jsonb(new)) d;
      end;
      v_groups := array_remove(array[
        'org:' || new."organization_id",
        'comment:' || new."id",
        'work:' || new."task_id"
      ], null);
      if new."task_id" is not null then
        v_groups := ablo_model."tasks__above"(new."organization_id"::text, new."task_id"::text, v_groups);
      end if;
      if not v_made then
        v_op := case
          when (old."archived_at" is null) = (new."archived_at" is null) then 'U'
          when old."archived_at" is null then 'A'
          else 'V'
        end;
        if old."task_id" is distinct from new."task_id" then
          v_left := array_remove(array[
            'org:' || old."organization_id",
            'comment:' || old."id",
            'work:' || old."task_id"
          ], null);
          if old."task_id" is not null then
            v_left := ablo_model."tasks__above"(old."organization_id"::text, old."task_id"::text, v_left);
          end if;
          v_left := nullif(array(select g from unnest(v_left) g where g <> all (v_groups)), '{}');
        end if;
      else
        v_op := 'I';
      end if;
    end if;
    v_done := ablo.order_lock(v_organization);
    insert into ablo.delta (
      sync_id, organization_id, model, row_id, op, groups, "row", changed,
      actor, on_behalf_of, capability_id, claim_id, transaction_id, xid, created_at, left_groups
    )
    values (
      nextval('ablo.sync_id'), v_organization, 'Comment', v_id, v_op, v_groups, v_row, v_changed,
      coalesce(nullif(current_setting('ablo.writer', true), ''), 'system:' || session_user),
      nullif(current_setting('ablo.on_behalf_of', true), ''),
      nullif(current_setting('ablo.capability_id', true), ''),
      ablo.claim_of('Comment', v_id),
      ablo.transaction_of('Comment', v_id),
      pg_current_xact_id(), clock_timestamp(), v_left
    );
    exit when not v_gone or new."organization_id" is null;
    v_gone := false;
    v_made := true;
  end loop;
  return null;
end
$ablo$;

alter function ablo_model."comments__capture"() owner to ablo_owner;

revoke all on function ablo_model."comments__capture"() from public;

-- comments: guard
create or replace function ablo_model."comments__adopt"()
  returns trigger
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp
as $ablo$
begin
  if new."organization_id" is null then
    new."organization_id" := (select p."organization_id" from "public"."tasks" p where p."id" = new."task_id");
    if new."organization_id" is null and (
      exists (select from "public"."tasks" p where p."id" = new."task_id" and p."organization_id" is null)
      or not (pg_has_role(session_user, 'ablo_runtime', 'member') and not pg_has_role(session_user, 'ablo_owner', 'member') or (select c.relowner = 'ablo_owner'::regrole from pg_class c where c.oid = tg_relid))
    ) then
      return new;
    end if;
  elsif not exists (
    select from "public"."tasks" p where p."organization_id" = new."organization_id" and p."id" = new."task_id"
  ) then
    new."organization_id" := null;
  end if;
  if new."organization_id" is null then
    raise exception using
        errcode = 'foreign_key_violation',
        message = 'comments: no parent row ' || quote_nullable(left(new."task_id"::text, 80))
          || ' in tasks',
        hint = 'name a row of tasks of the same organization';
  end if;
  return new;
end
$ablo$;

alter function ablo_model."comments__adopt"() owner to ablo_owner;

revoke all on function ablo_model."comments__adopt"() from public;

create or replace function ablo_model."comments__guard"()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
as $ablo$
declare
  v_organization text;
  v_moved boolean := false;
  v_writer text := coalesce(
    nullif(current_setting('app.current_participant_id', true), ''),
    'system:' || session_user
  );
begin
  if tg_op = 'DELETE' then
    v_organization := old."organization_id";
  else
    v_organization := new."organization_id";
  end if;
  if tg_op = 'UPDATE' then
    v_moved := new."id" is distinct from old."id"
      or old."organization_id" is not null and new."organization_id" is distinct from old."organization_id";
    if v_moved then
      perform ablo.row_identity_check(tg_relid, false);
      perform ablo.capture_note(old."organization_id"::text);
    end if;
    if new."updated_at" is not distinct from old."updated_at"
      and current_setting('ablo.keep_updated_at', true) is distinct from 'on'
    then
      new."updated_at" := greatest(
        clock_timestamp(), old."updated_at" + interval '1 millisecond'
      );
    end if;
  end if;
  if v_organization is distinct from current_setting('app.current_org_id', true) then
    perform ablo.capture_note(v_organization);
  end if;
  if v_writer is distinct from current_setting('ablo.writer', true)
    and ablo.writer_note(v_writer) is null
  then
    null;
  end if;
  if tg_op = 'DELETE' then
    return old;
  end if;
  return new;
end
$ablo$;

alter function ablo_model."comments__guard"() owner to ablo_owner;

revoke all on function ablo_model."comments__guard"() from public;

-- comments: writes
create or replace function ablo_model."comments__explain"(p_action text, p_id text, p_data jsonb)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
declare
  v_fields constant jsonb := '{"body":{"required":true,"type":"string"},"taskId":{"required":true,"type":"string"}}';
begin
  return ablo_model.write_check('comments', v_fields, p_action, p_id, p_data);
end
$ablo$;

alter function ablo_model."comments__explain"(text, text, jsonb) owner to ablo_owner;

revoke all on function ablo_model."comments__explain"(text, text, jsonb) from public;

create or replace function ablo_model."comments__write"(p_action text, p_id text, p_data jsonb)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
#variable_conflict use_variable
declare
  v_organization "public"."comments"."organization_id"%type := nullif(current_setting('app.current_org_id', true), '');
  v_id "public"."comments"."id"%type;
  v_now timestamptz := clock_timestamp();
begin
  if pg_typeof(v_id) = 'text'::regtype then
    v_id := p_id;
  else
    begin
      v_id := p_id;
    exception when invalid_text_representation or numeric_value_out_of_range
      or string_data_right_truncation
    then
      perform ablo.raise_error('invalid_id',
        'comments' || ': the id ' || quote_literal(left(p_id, 80)) || ' does not fit its column, which is '
        || pg_typeof(v_id),
        'pass id=, as text: a value of type ' || pg_typeof(v_id),
        jsonb_build_object('model', 'comments', 'field', 'id', 'generated',
          ablo.id_sequence('"public"."comments"'::regclass, 'id') is not null));
    end;
  end if;
  if v_id::text <> p_id then
    perform ablo.raise_error('invalid_id',
      'comments' || ': the id is ' || quote_literal(v_id::text) || ', not ' || quote_literal(left(p_id, 80)),
      'pass the id as it was read',
      jsonb_build_object('model', 'comments', 'field', 'id'));
  end if;
  if p_action = 'update' then
    if (
      jsonb_typeof(p_data) = 'object'
      and pg_column_size(p_data) < 1000000
      and p_data - array['body', 'taskId']::text[] = '{}'
      and (ablo_model.is_string(p_data -> 'body')) is not false
      and (ablo_model.is_string(p_data -> 'taskId')) is not false
    ) is not true then
      perform ablo_model."comments__explain"(p_action, p_id, p_data);
    end if;
    update "public"."comments" t set
      "body" = coalesce(p_data ->> 'body', t."body"),
      "task_id" = coalesce(p_data ->> 'taskId', t."task_id"),
      "updated_at" = greatest(v_now, t."updated_at" + interval '1 millisecond')
    where t."organization_id" = v_organization and t."id" = v_id;
  elsif p_action = 'create' then
    if (
      v_organization is not null
      and p_id <> ''
      and octet_length(p_id) <= 255
      and jsonb_typeof(p_data) = 'object'
      and pg_column_size(p_data) < 1000000
      and p_data - array['body', 'taskId']::text[] = '{}'
      and ablo_model.is_string(p_data -> 'body')
      and ablo_model.is_string(p_data -> 'taskId')
    ) is not true then
      perform ablo_model."comments__explain"(p_action, p_id, p_data);
    end if;
    if pg_typeof(v_id) <> 'text'::regtype
      and ablo.base_type(pg_typeof(v_id)) = any ('{int8,int4,int2}'::regtype[])
    then
      perform ablo.id_pass('"public"."comments"'::regclass, 'id', 'comments', v_id::text::bigint);
    end if;
    insert into "public"."comments" (
      "id",
      "organization_id",
      "created_at",
      "updated_at",
      "created_by",
      "body",
      "task_id"
    )
    overriding system value
    values (
      v_id,
      v_organization,
      v_now,
      v_now,
      nullif(current_setting('app.current_participant_id', true), ''),
      p_data ->> 'body',
      p_data ->> 'taskId'
    );
  elsif p_action = 'delete' then
    delete from "public"."comments" t
    where t."organization_id" = v_organization and t."id" = v_id;
  elsif p_action = 'archive' then
    update "public"."comments" t set
      "archived_at" = coalesce(t."archived_at", v_now),
      "updated_at" = greatest(v_now, t."updated_at" + interval '1 millisecond')
    where t."organization_id" = v_organization and t."id" = v_id;
  elsif p_action = 'unarchive' then
    update "public"."comments" t set
      "archived_at" = null,
      "updated_at" = greatest(v_now, t."updated_at" + interval '1 millisecond')
    where t."organization_id" = v_organization and t."id" = v_id;
  else
    perform ablo.raise_error('commit_operation_unsupported',
      'comments: there is no action ' || quote_nullable(left(p_action, 40)),
      'use create, update, delete, archive or unarchive');
  end if;
  if found then
    return true;
  end if;
  return ablo.write_suppressed('"public"."comments"'::regclass, 'comments', p_action, p_id,
    (select t."updated_at" from "public"."comments" t
     where t."organization_id" = v_organization and t."id" = v_id), v_now);
end
$ablo$;

alter function ablo_model."comments__write"(text, text, jsonb) owner to ablo_owner;

revoke all on function ablo_model."comments__write"(text, text, jsonb) from public;

select ablo.table_path_set('"public"."comments"'::regclass, 'ablo_model."comments__write"(text,text,jsonb)'::regprocedure);

create or replace function ablo_model."comments__lock"(p_id text)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
#variable_conflict use_variable
declare
  v_organization "public"."comments"."organization_id"%type := nullif(current_setting('app.current_org_id', true), '');
  v_id "public"."comments"."id"%type;
begin
  if pg_typeof(v_id) = 'text'::regtype then
    v_id := p_id;
  else
    begin
      v_id := p_id;
    exception when invalid_text_representation or numeric_value_out_of_range
      or string_data_right_truncation
    then
      perform ablo.raise_error('invalid_id',
        'comments' || ': the id ' || quote_literal(left(p_id, 80)) || ' does not fit its column, which is '
        || pg_typeof(v_id),
        'pass id=, as text: a value of type ' || pg_typeof(v_id),
        jsonb_build_object('model', 'comments', 'field', 'id', 'generated',
          ablo.id_sequence('"public"."comments"'::regclass, 'id') is not null));
    end;
  end if;
  if v_id::text <> p_id then
    perform ablo.raise_error('invalid_id',
      'comments' || ': the id is ' || quote_literal(v_id::text) || ', not ' || quote_literal(left(p_id, 80)),
      'pass the id as it was read',
      jsonb_build_object('model', 'comments', 'field', 'id'));
  end if;
  perform from "public"."comments" t
  where t."organization_id" = v_organization and t."id" = v_id
  for no key update;
  return found;
end
$ablo$;

alter function ablo_model."comments__lock"(text) owner to ablo_owner;

revoke all on function ablo_model."comments__lock"(text) from public;

-- comments: triggers
do $ablo$
begin
  if (
    select count(*) from pg_catalog.pg_trigger t
    where t.tgrelid = '"public"."comments"'::regclass and t.tgenabled = 'A'
      and t.tgname = any (array['zz_ablo_adopt', 'zz_ablo_capture', 'zz_ablo_guard', 'zz_ablo_truncate']::text[])
      and pg_catalog.obj_description(t.oid, 'pg_trigger') = 'ablo_pg d5816e6f'
  ) <> 4 then
    drop trigger if exists zz_ablo_adopt on "public"."comments";
    create trigger zz_ablo_adopt
      before insert or update of "task_id", "organization_id"
      on "public"."comments" for each row
      execute function ablo_model."comments__adopt"();
    alter table "public"."comments" enable always trigger zz_ablo_adopt;
    comment on trigger zz_ablo_adopt on "public"."comments" is 'ablo_pg d5816e6f';
    drop trigger if exists zz_ablo_capture on "public"."comments";
    create constraint trigger zz_ablo_capture
      after insert or update or delete on "public"."comments"
      deferrable initially deferred for each row when (current_user <> 'ablo_writer')
      execute function ablo_model."comments__capture"();
    alter table "public"."comments" enable always trigger zz_ablo_capture;
    comment on trigger zz_ablo_capture on "public"."comments" is 'ablo_pg d5816e6f';
    drop trigger if exists zz_ablo_guard on "public"."comments";
    create trigger zz_ablo_guard
      before insert or update or delete on "public"."comments" for each row when (current_user <> 'ablo_writer')
      execute function ablo_model."comments__guard"();
    alter table "public"."comments" enable always trigger zz_ablo_guard;
    comment on trigger zz_ablo_guard on "public"."comments" is 'ablo_pg d5816e6f';
    drop trigger if exists zz_ablo_truncate on "public"."comments";
    create trigger zz_ablo_truncate before truncate on "public"."comments"
      for each statement execute function ablo.truncate_refuse();
    alter table "public"."comments" enable always trigger zz_ablo_truncate;
    comment on trigger zz_ablo_truncate on "public"."comments" is 'ablo_pg d5816e6f';
  end if;
end
$ablo$;

-- ======== model countries (public.countries) ========

-- countries: types of its columns
do $ablo$
declare
  v_column record;
begin
  for v_column in
    select w.wire, a.attname, pg_catalog.format_type(a.atttypid, null) as has, w.types
    from (
      values
        ('name', 'name', array['text', 'varchar', 'bpchar', 'citext']::text[])
    ) w (name, wire, types)
    join pg_catalog.pg_attribute a on a.attname = w.name
    join pg_catalog.pg_type t on t.oid = ablo.base_type(a.atttypid)
    where a.attrelid = '"public"."countries"'::regclass and not a.attisdropped and t.typname <> all (w.types)
  loop
    raise exception using
      errcode = 'AB040',
      message = pg_catalog.format('countries.%s: the column %s.%I is of type %s, not %s',
        v_column.wire, 'public.countries', v_column.attname, v_column.has, v_column.types[1]),
      hint = 'convert the column (alter table ... alter column ... type ...), or correct the field',
      detail = pg_catalog.json_build_object(
        'code', 'incompatible_change', 'model', 'countries', 'field', v_column.wire)::text;
  end loop;
end
$ablo$;

-- countries: required fields
do $ablo$
begin
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"public"."countries"'::regclass and c.relowner = 'ablo_owner'::regrole
  ) then
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."countries"'::regclass and a.attname = 'name'
        and not a.attnotnull
    ) then
      begin
        alter table "public"."countries" alter column "name" set not null;
      exception when not_null_violation then
        raise warning '%.% still holds nulls: backfill it, then run this again',
          '"public"."countries"', 'name';
      end;
    end if;
  end if;
end
$ablo$;

-- countries: grants
grant select on table "public"."countries" to ablo_runtime;

grant select on table "public"."countries" to ablo_owner;

-- countries: a row as JSON
create or replace function ablo_model."countries__row"(r "public"."countries")
  returns json
  language sql stable security invoker
as $ablo$
  select pg_catalog.json_build_object(
    'id', r."id"::text,
    'createdAt', r."created_at"::timestamptz,
    'updatedAt', r."updated_at"::timestamptz,
    'organizationId', null::text,
    'createdBy', r."created_by"::text,
    'archivedAt', r."archived_at"::timestamptz,
    'name', r."name"::text
  )
$ablo$;

alter function ablo_model."countries__row"("public"."countries") owner to ablo_owner;

revoke all on function ablo_model."countries__row"("public"."countries") from public;

grant execute on function ablo_model."countries__row"("public"."countries") to ablo_runtime;

-- countries: reading a row
create or replace function ablo_model."countries__read"(p_id text)
  returns json
  language plpgsql stable security invoker
as $ablo$
#variable_conflict use_variable
declare
  v_id "public"."countries"."id"%type := p_id;
begin
  return (
    select ablo_model."countries__row"(t.*)
    from "public"."countries" t
    where t."id" = v_id
  );
end
$ablo$;

alter function ablo_model."countries__read"(text) owner to ablo_owner;

revoke all on function ablo_model."countries__read"(text) from public;

-- ======== model events (crm.Event Log) ========

-- events: types of its columns
do $ablo$
declare
  v_column record;
begin
  for v_column in
    select w.wire, a.attname, pg_catalog.format_type(a.atttypid, null) as has, w.types
    from (
      values
        ('Kind of "event"', 'kind', array['text', 'varchar', 'bpchar', 'citext']::text[]),
        ('payload', 'payload', array['jsonb']::text[])
    ) w (name, wire, types)
    join pg_catalog.pg_attribute a on a.attname = w.name
    join pg_catalog.pg_type t on t.oid = ablo.base_type(a.atttypid)
    where a.attrelid = '"crm"."Event Log"'::regclass and not a.attisdropped and t.typname <> all (w.types)
  loop
    raise exception using
      errcode = 'AB040',
      message = pg_catalog.format('events.%s: the column %s.%I is of type %s, not %s',
        v_column.wire, 'crm.Event Log', v_column.attname, v_column.has, v_column.types[1]),
      hint = 'convert the column (alter table ... alter column ... type ...), or correct the field',
      detail = pg_catalog.json_build_object(
        'code', 'incompatible_change', 'model', 'events', 'field', v_column.wire)::text;
  end loop;
end
$ablo$;

-- events: required fields
do $ablo$
begin
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"crm"."Event Log"'::regclass and c.relowner = 'ablo_owner'::regrole
  ) then
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"crm"."Event Log"'::regclass and a.attname = 'tenant'
        and not a.attnotnull
    ) then
      begin
        alter table "crm"."Event Log" alter column "tenant" set not null;
      exception when not_null_violation then
        raise warning '%.% still holds nulls: backfill it, then run this again',
          '"crm"."Event Log"', 'tenant';
      end;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"crm"."Event Log"'::regclass and a.attname = 'Kind of "event"'
        and not a.attnotnull
    ) then
      begin
        alter table "crm"."Event Log" alter column "Kind of ""event""" set not null;
      exception when not_null_violation then
        raise warning '%.% still holds nulls: backfill it, then run this again',
          '"crm"."Event Log"', 'Kind of "event"';
      end;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"crm"."Event Log"'::regclass and a.attname = 'payload'
        and a.attnotnull
    ) then
      alter table "crm"."Event Log" alter column "payload" drop not null;
    end if;
  end if;
end
$ablo$;

-- events: row-level security
do $ablo$
begin
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"crm"."Event Log"'::regclass and c.relowner = 'ablo_owner'::regrole
  ) then
    if exists (
      select from pg_catalog.pg_class c
      where c.oid = '"crm"."Event Log"'::regclass and not (c.relrowsecurity and c.relforcerowsecurity)
    ) then
      alter table "crm"."Event Log" enable row level security;
      alter table "crm"."Event Log" force row level security;
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"crm"."Event Log"'::regclass and p.polname = 'Event Log_tenant_isolation'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg 7ff9b1a8'
    ) then
      drop policy if exists "Event Log_tenant_isolation" on "crm"."Event Log";
      create policy "Event Log_tenant_isolation" on "crm"."Event Log" for all
        using ("tenant"::text = (select nullif(current_setting('app.current_org_id', true), '')))
        with check ("tenant"::text = (select nullif(current_setting('app.current_org_id', true), '')));
      comment on policy "Event Log_tenant_isolation" on "crm"."Event Log" is 'ablo_pg 7ff9b1a8';
    end if;
  else
    if exists (
      select from pg_catalog.pg_class c
      where c.oid = '"crm"."Event Log"'::regclass and not c.relrowsecurity
    ) or exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"crm"."Event Log"'::regclass
        and p.polname = 'Event Log_tenant_isolation'
        and p.polroles = '{0}'
        and pg_catalog.obj_description(p.oid, 'pg_policy') like 'ablo\_pg %'
    ) then
      if not exists (
        select from pg_catalog.pg_policy p
        where p.polrelid = '"crm"."Event Log"'::regclass and p.polname = 'Event Log_all_rows'
          and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg c575bfb3'
      ) then
        drop policy if exists "Event Log_all_rows" on "crm"."Event Log";
        create policy "Event Log_all_rows" on "crm"."Event Log" for all
          to public
          using (true)
          with check (true);
        comment on policy "Event Log_all_rows" on "crm"."Event Log" is 'ablo_pg c575bfb3';
      end if;
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"crm"."Event Log"'::regclass and p.polname = 'Event Log_ablo_rows'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg a99098dd'
    ) then
      drop policy if exists "Event Log_ablo_rows" on "crm"."Event Log";
      create policy "Event Log_ablo_rows" on "crm"."Event Log" for all
        to ablo_runtime, ablo_owner
        using (true)
        with check (true);
      comment on policy "Event Log_ablo_rows" on "crm"."Event Log" is 'ablo_pg a99098dd';
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"crm"."Event Log"'::regclass and p.polname = 'Event Log_tenant_isolation'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg bf45b59d'
    ) then
      drop policy if exists "Event Log_tenant_isolation" on "crm"."Event Log";
      create policy "Event Log_tenant_isolation" on "crm"."Event Log" as restrictive for all
        to ablo_runtime
        using ("tenant"::text = (select nullif(current_setting('app.current_org_id', true), '')))
        with check ("tenant"::text = (select nullif(current_setting('app.current_org_id', true), '')));
      comment on policy "Event Log_tenant_isolation" on "crm"."Event Log" is 'ablo_pg bf45b59d';
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"crm"."Event Log"'::regclass and p.polname = 'Event Log_kernel_tenant_isolation'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg 638334fe'
    ) then
      drop policy if exists "Event Log_kernel_tenant_isolation" on "crm"."Event Log";
      create policy "Event Log_kernel_tenant_isolation" on "crm"."Event Log" as restrictive for all
        to ablo_owner
        using ("tenant"::text = (select nullif(current_setting('app.current_org_id', true), ''))
          or (select not (pg_has_role(session_user, 'ablo_runtime', 'member') and not pg_has_role(session_user, 'ablo_owner', 'member'))))
        with check ("tenant"::text = (select nullif(current_setting('app.current_org_id', true), ''))
          or (select not (pg_has_role(session_user, 'ablo_runtime', 'member') and not pg_has_role(session_user, 'ablo_owner', 'member'))));
      comment on policy "Event Log_kernel_tenant_isolation" on "crm"."Event Log" is 'ablo_pg 638334fe';
    end if;
    if exists (
      select from pg_catalog.pg_class c
      where c.oid = '"crm"."Event Log"'::regclass and not c.relrowsecurity
    ) then
      alter table "crm"."Event Log" enable row level security;
    end if;
  end if;
end
$ablo$;

-- events: grants
grant select, insert, update, delete on table "crm"."Event Log" to ablo_runtime;

grant select, insert, update, delete on table "crm"."Event Log" to ablo_owner;

do $ablo$
declare
  v_sequence text;
begin
  for v_sequence in
    select distinct s.id::text
    from pg_catalog.pg_attribute a
    cross join ablo.id_sequence('"crm"."Event Log"'::regclass, a.attname::text) s (id)
    where a.attrelid = '"crm"."Event Log"'::regclass and a.attnum > 0 and not (
      pg_catalog.has_sequence_privilege('ablo_owner', s.id, 'usage')
      and pg_catalog.has_sequence_privilege('ablo_runtime', s.id, 'usage')
    )
  loop
    execute format('grant usage on sequence %s to ablo_owner, ablo_runtime', v_sequence);
  end loop;
end
$ablo$;

-- events: a row as JSON
create or replace function ablo_model."events__row"(r "crm"."Event Log")
  returns json
  language sql stable security invoker
as $ablo$
  select pg_catalog.json_build_object(
    'id', r."id"::text,
    'createdAt', r."created_at"::timestamptz,
    'updatedAt', r."updated_at"::timestamptz,
    'organizationId', r."tenant"::text,
    'createdBy', r."created_by"::text,
    'archivedAt', r."archived_at"::timestamptz,
    'kind', r."Kind of ""event"""::text,
    'payload', r."payload"
  )
$ablo$;

alter function ablo_model."events__row"("crm"."Event Log") owner to ablo_owner;

revoke all on function ablo_model."events__row"("crm"."Event Log") from public;

grant execute on function ablo_model."events__row"("crm"."Event Log") to ablo_runtime;

-- events: reading a row
create or replace function ablo_model."events__read"(p_id text)
  returns json
  language plpgsql stable security invoker
as $ablo$
#variable_conflict use_variable
declare
  v_organization "crm"."Event Log"."tenant"%type := nullif(current_setting('app.current_org_id', true), '');
  v_id "crm"."Event Log"."id"%type := p_id;
begin
  return (
    select ablo_model."events__row"(t.*)
    from "crm"."Event Log" t
    where t."tenant" = v_organization and t."id" = v_id
  );
end
$ablo$;

alter function ablo_model."events__read"(text) owner to ablo_owner;

revoke all on function ablo_model."events__read"(text) from public;

-- events: groups of a row
create or replace function ablo_model."events__groups"(r "crm"."Event Log")
  returns text[]
  language sql stable security invoker
as $ablo$
select array['org:' || r."tenant", 'event:' || r."id"]
$ablo$;

alter function ablo_model."events__groups"("crm"."Event Log") owner to ablo_owner;

revoke all on function ablo_model."events__groups"("crm"."Event Log") from public;

-- events: capture
create or replace function ablo_model."events__capture"()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  set datestyle = 'ISO, MDY'
  set extra_float_digits = 1
as $ablo$
declare
  v_organization text;
  v_id text;
  v_op text;
  v_gone boolean := tg_op = 'DELETE';
  v_made boolean := tg_op = 'INSERT';
  v_groups text[];
  v_left text[];
  v_row json;
  v_changed text[];
  v_done text;
begin
  if tg_op = 'UPDATE' then
    v_made := old."tenant" is null;
    v_gone := not v_made
      and (new."id" is distinct from old."id" or new."tenant" is distinct from old."tenant");
  end if;
  if coalesce(new."tenant", old."tenant") is null then
    return null;
  end if;
  loop
    if v_gone then
      v_organization := old."tenant";
      v_id := old."id";
      v_op := 'D';
      v_groups := array['org:' || old."tenant", 'event:' || old."id"];
    else
      v_organization := new."tenant";
      v_id := new."id";
      begin
        v_row := pg_catalog.json_build_object(
        'id', new."id"::text,
        'createdAt', new."created_at"::timestamptz,
        'updatedAt', new."updated_at"::timestamptz,
        'organizationId', new."tenant"::text,
        'createdBy', new."created_by"::text,
        'archivedAt', new."archived_at"::timestamptz,
        'kind', new."Kind of ""event"""::text,
        'payload', new."payload"
      );
        if not v_made then
          v_changed := array_remove(array[
        'updatedAt',
        case when old."created_at" is distinct from new."created_at" then 'createdAt' end,
        case when old."created_by"::text collate "C" is distinct from new."created_by"::text collate "C" then 'createdBy' end,
        case when old."archived_at" is distinct from new."archived_at" then 'archivedAt' end,
        case when old."Kind of ""event"""::text collate "C" is distinct from new."Kind of ""event"""::text collate "C" then 'kind' end,
        case when old."payload" is distinct from new."payload" then 'payload' end
      ], null);
        end if;
      exception when undefined_column then
        select d.row_json, d.changed into v_row, v_changed
        from ablo.row_drifted('Event', tg_relid, case when not v_made then to_jsonb(old) end, to_jsonb(new)) d;
      end;
      v_groups := array['org:' || new."tenant", 'event:' || new."id"];
      if not v_made then
        v_op := case
          when (old."archived_at" is null) = (new."archived_at" is null) then 'U'
          when old."archived_at" is null then 'A'
          else 'V'
        end;
      else
        v_op := 'I';
      end if;
    end if;
    v_done := ablo.order_lock(v_organization);
    insert into ablo.delta (
      sync_id, organization_id, model, row_id, op, groups, "row", changed,
      actor, on_behalf_of, capability_id, claim_id, transaction_id, xid, created_at, left_groups
    )
    values (
      nextval('ablo.sync_id'), v_organization, 'Event', v_id, v_op, v_groups, v_row, v_changed,
      coalesce(nullif(current_setting('ablo.writer', true), ''), 'system:' || session_user),
      nullif(current_setting('ablo.on_behalf_of', true), ''),
      nullif(current_setting('ablo.capability_id', true), ''),
      ablo.claim_of('Event', v_id),
      ablo.transaction_of('Event', v_id),
      pg_current_xact_id(), clock_timestamp(), v_left
    );
    exit when not v_gone or new."tenant" is null;
    v_gone := false;
    v_made := true;
  end loop;
  return null;
end
$ablo$;

alter function ablo_model."events__capture"() owner to ablo_owner;

revoke all on function ablo_model."events__capture"() from public;

-- events: guard
create or replace function ablo_model."events__guard"()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
as $ablo$
declare
  v_organization text;
  v_moved boolean := false;
  v_writer text := coalesce(
    nullif(current_setting('app.current_participant_id', true), ''),
    'system:' || session_user
  );
begin
  if tg_op = 'DELETE' then
    v_organization := old."tenant";
  else
    v_organization := new."tenant";
  end if;
  if tg_op = 'UPDATE' then
    v_moved := new."id" is distinct from old."id"
      or old."tenant" is not null and new."tenant" is distinct from old."tenant";
    if v_moved then
      perform ablo.row_identity_check(tg_relid, false);
      perform ablo.capture_note(old."tenant"::text);
    end if;
    if new."updated_at" is not distinct from old."updated_at"
      and current_setting('ablo.keep_updated_at', true) is distinct from 'on'
    then
      new."updated_at" := greatest(
        clock_timestamp(), old."updated_at" + interval '1 millisecond'
      );
    end if;
  end if;
  if v_organization is distinct from current_setting('app.current_org_id', true) then
    perform ablo.capture_note(v_organization);
  end if;
  if v_writer is distinct from current_setting('ablo.writer', true)
    and ablo.writer_note(v_writer) is null
  then
    null;
  end if;
  if tg_op = 'DELETE' then
    return old;
  end if;
  return new;
end
$ablo$;

alter function ablo_model."events__guard"() owner to ablo_owner;

revoke all on function ablo_model."events__guard"() from public;

-- events: writes
create or replace function ablo_model."events__explain"(p_action text, p_id text, p_data jsonb)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
declare
  v_fields constant jsonb := '{"kind":{"required":true,"type":"string"},"payload":{"required":false,"type":"json"}}';
begin
  return ablo_model.write_check('events', v_fields, p_action, p_id, p_data);
end
$ablo$;

alter function ablo_model."events__explain"(text, text, jsonb) owner to ablo_owner;

revoke all on function ablo_model."events__explain"(text, text, jsonb) from public;

create or replace function ablo_model."events__write"(p_action text, p_id text, p_data jsonb)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
begin
  perform ablo.raise_error('commit_operation_unsupported',
    'events is declared as not mutable',
    'declare it as mutable and migrate, to write it through the API',
    jsonb_build_object('model', 'events'));
  return false;
end
$ablo$;

alter function ablo_model."events__write"(text, text, jsonb) owner to ablo_owner;

revoke all on function ablo_model."events__write"(text, text, jsonb) from public;

select ablo.table_path_set('"crm"."Event Log"'::regclass, 'ablo_model."events__write"(text,text,jsonb)'::regprocedure);

create or replace function ablo_model."events__lock"(p_id text)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
#variable_conflict use_variable
declare
  v_organization "crm"."Event Log"."tenant"%type := nullif(current_setting('app.current_org_id', true), '');
  v_id "crm"."Event Log"."id"%type;
begin
  if pg_typeof(v_id) = 'text'::regtype then
    v_id := p_id;
  else
    begin
      v_id := p_id;
    exception when invalid_text_representation or numeric_value_out_of_range
      or string_data_right_truncation
    then
      perform ablo.raise_error('invalid_id',
        'events' || ': the id ' || quote_literal(left(p_id, 80)) || ' does not fit its column, which is '
        || pg_typeof(v_id),
        'pass id=, as text: a value of type ' || pg_typeof(v_id),
        jsonb_build_object('model', 'events', 'field', 'id', 'generated',
          ablo.id_sequence('"crm"."Event Log"'::regclass, 'id') is not null));
    end;
  end if;
  if v_id::text <> p_id then
    perform ablo.raise_error('invalid_id',
      'events' || ': the id is ' || quote_literal(v_id::text) || ', not ' || quote_literal(left(p_id, 80)),
      'pass the id as it was read',
      jsonb_build_object('model', 'events', 'field', 'id'));
  end if;
  perform from "crm"."Event Log" t
  where t."tenant" = v_organization and t."id" = v_id
  for no key update;
  return found;
end
$ablo$;

alter function ablo_model."events__lock"(text) owner to ablo_owner;

revoke all on function ablo_model."events__lock"(text) from public;

-- events: triggers
do $ablo$
begin
  if (
    select count(*) from pg_catalog.pg_trigger t
    where t.tgrelid = '"crm"."Event Log"'::regclass and t.tgenabled = 'A'
      and t.tgname = any (array['zz_ablo_capture', 'zz_ablo_guard', 'zz_ablo_truncate']::text[])
      and pg_catalog.obj_description(t.oid, 'pg_trigger') = 'ablo_pg 7c95a29e'
  ) <> 3 then
    drop trigger if exists zz_ablo_capture on "crm"."Event Log";
    create constraint trigger zz_ablo_capture
      after insert or update or delete on "crm"."Event Log"
      deferrable initially deferred for each row when (current_user <> 'ablo_writer')
      execute function ablo_model."events__capture"();
    alter table "crm"."Event Log" enable always trigger zz_ablo_capture;
    comment on trigger zz_ablo_capture on "crm"."Event Log" is 'ablo_pg 7c95a29e';
    drop trigger if exists zz_ablo_guard on "crm"."Event Log";
    create trigger zz_ablo_guard
      before insert or update or delete on "crm"."Event Log" for each row when (current_user <> 'ablo_writer')
      execute function ablo_model."events__guard"();
    alter table "crm"."Event Log" enable always trigger zz_ablo_guard;
    comment on trigger zz_ablo_guard on "crm"."Event Log" is 'ablo_pg 7c95a29e';
    drop trigger if exists zz_ablo_truncate on "crm"."Event Log";
    create trigger zz_ablo_truncate before truncate on "crm"."Event Log"
      for each statement execute function ablo.truncate_refuse();
    alter table "crm"."Event Log" enable always trigger zz_ablo_truncate;
    comment on trigger zz_ablo_truncate on "crm"."Event Log" is 'ablo_pg 7c95a29e';
  end if;
end
$ablo$;

-- ======== model folders (public.folders) ========

-- folders: types of its columns
do $ablo$
declare
  v_column record;
begin
  for v_column in
    select w.wire, a.attname, pg_catalog.format_type(a.atttypid, null) as has, w.types
    from (
      values
        ('name', 'name', array['text', 'varchar', 'bpchar', 'citext']::text[]),
        ('parent_id', 'parentId', array['text', 'varchar', 'bpchar', 'citext']::text[])
    ) w (name, wire, types)
    join pg_catalog.pg_attribute a on a.attname = w.name
    join pg_catalog.pg_type t on t.oid = ablo.base_type(a.atttypid)
    where a.attrelid = '"public"."folders"'::regclass and not a.attisdropped and t.typname <> all (w.types)
  loop
    raise exception using
      errcode = 'AB040',
      message = pg_catalog.format('folders.%s: the column %s.%I is of type %s, not %s',
        v_column.wire, 'public.folders', v_column.attname, v_column.has, v_column.types[1]),
      hint = 'convert the column (alter table ... alter column ... type ...), or correct the field',
      detail = pg_catalog.json_build_object(
        'code', 'incompatible_change', 'model', 'folders', 'field', v_column.wire)::text;
  end loop;
end
$ablo$;

-- folders: required fields
do $ablo$
begin
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"public"."folders"'::regclass and c.relowner = 'ablo_owner'::regrole
  ) then
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."folders"'::regclass and a.attname = 'organization_id'
        and not a.attnotnull
    ) then
      begin
        alter table "public"."folders" alter column "organization_id" set not null;
      exception when not_null_violation then
        raise warning '%.% still holds nulls: backfill it, then run this again',
          '"public"."folders"', 'organization_id';
      end;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."folders"'::regclass and a.attname = 'name'
        and not a.attnotnull
    ) then
      begin
        alter table "public"."folders" alter column "name" set not null;
      exception when not_null_violation then
        raise warning '%.% still holds nulls: backfill it, then run this again',
          '"public"."folders"', 'name';
      end;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."folders"'::regclass and a.attname = 'parent_id'
        and a.attnotnull
    ) then
      alter table "public"."folders" alter column "parent_id" drop not null;
    end if;
  end if;
end
$ablo$;

-- folders: indexes
do $ablo$
begin
  if not exists (
    select from pg_catalog.pg_index i
    join pg_catalog.pg_class c on c.oid = i.indexrelid
    where i.indrelid = '"public"."folders"'::regclass and c.relname = 'folders_parent_id_idx'
  ) then
    create index "folders_parent_id_idx" on "public"."folders" ("organization_id", "parent_id");
  end if;
end
$ablo$;

-- folders: row-level security
do $ablo$
begin
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"public"."folders"'::regclass and c.relowner = 'ablo_owner'::regrole
  ) then
    if exists (
      select from pg_catalog.pg_class c
      where c.oid = '"public"."folders"'::regclass and not (c.relrowsecurity and c.relforcerowsecurity)
    ) then
      alter table "public"."folders" enable row level security;
      alter table "public"."folders" force row level security;
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."folders"'::regclass and p.polname = 'folders_tenant_isolation'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg 64b6fada'
    ) then
      drop policy if exists "folders_tenant_isolation" on "public"."folders";
      create policy "folders_tenant_isolation" on "public"."folders" for all
        using ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')))
        with check ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')));
      comment on policy "folders_tenant_isolation" on "public"."folders" is 'ablo_pg 64b6fada';
    end if;
  else
    if exists (
      select from pg_catalog.pg_class c
      where c.oid = '"public"."folders"'::regclass and not c.relrowsecurity
    ) or exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."folders"'::regclass
        and p.polname = 'folders_tenant_isolation'
        and p.polroles = '{0}'
        and pg_catalog.obj_description(p.oid, 'pg_policy') like 'ablo\_pg %'
    ) then
      if not exists (
        select from pg_catalog.pg_policy p
        where p.polrelid = '"public"."folders"'::regclass and p.polname = 'folders_all_rows'
          and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg c575bfb3'
      ) then
        drop policy if exists "folders_all_rows" on "public"."folders";
        create policy "folders_all_rows" on "public"."folders" for all
          to public
          using (true)
          with check (true);
        comment on policy "folders_all_rows" on "public"."folders" is 'ablo_pg c575bfb3';
      end if;
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."folders"'::regclass and p.polname = 'folders_ablo_rows'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg a99098dd'
    ) then
      drop policy if exists "folders_ablo_rows" on "public"."folders";
      create policy "folders_ablo_rows" on "public"."folders" for all
        to ablo_runtime, ablo_owner
        using (true)
        with check (true);
      comment on policy "folders_ablo_rows" on "public"."folders" is 'ablo_pg a99098dd';
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."folders"'::regclass and p.polname = 'folders_tenant_isolation'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg 61f27e58'
    ) then
      drop policy if exists "folders_tenant_isolation" on "public"."folders";
      create policy "folders_tenant_isolation" on "public"."folders" as restrictive for all
        to ablo_runtime
        using ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')))
        with check ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')));
      comment on policy "folders_tenant_isolation" on "public"."folders" is 'ablo_pg 61f27e58';
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."folders"'::regclass and p.polname = 'folders_kernel_tenant_isolation'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg e8fbda28'
    ) then
      drop policy if exists "folders_kernel_tenant_isolation" on "public"."folders";
      create policy "folders_kernel_tenant_isolation" on "public"."folders" as restrictive for all
        to ablo_owner
        using ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), ''))
          or (select not (pg_has_role(session_user, 'ablo_runtime', 'member') and not pg_has_role(session_user, 'ablo_owner', 'member'))))
        with check ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), ''))
          or (select not (pg_has_role(session_user, 'ablo_runtime', 'member') and not pg_has_role(session_user, 'ablo_owner', 'member'))));
      comment on policy "folders_kernel_tenant_isolation" on "public"."folders" is 'ablo_pg e8fbda28';
    end if;
    if exists (
      select from pg_catalog.pg_class c
      where c.oid = '"public"."folders"'::regclass and not c.relrowsecurity
    ) then
      alter table "public"."folders" enable row level security;
    end if;
  end if;
end
$ablo$;

-- folders: grants
grant select, insert, update, delete on table "public"."folders" to ablo_runtime;

grant select, insert, update, delete on table "public"."folders" to ablo_owner;

do $ablo$
declare
  v_sequence text;
begin
  for v_sequence in
    select distinct s.id::text
    from pg_catalog.pg_attribute a
    cross join ablo.id_sequence('"public"."folders"'::regclass, a.attname::text) s (id)
    where a.attrelid = '"public"."folders"'::regclass and a.attnum > 0 and not (
      pg_catalog.has_sequence_privilege('ablo_owner', s.id, 'usage')
      and pg_catalog.has_sequence_privilege('ablo_runtime', s.id, 'usage')
    )
  loop
    execute format('grant usage on sequence %s to ablo_owner, ablo_runtime', v_sequence);
  end loop;
end
$ablo$;

-- folders: a row as JSON
create or replace function ablo_model."folders__row"(r "public"."folders")
  returns json
  language sql stable security invoker
as $ablo$
  select pg_catalog.json_build_object(
    'id', r."id"::text,
    'createdAt', r."created_at"::timestamptz,
    'updatedAt', r."updated_at"::timestamptz,
    'organizationId', r."organization_id"::text,
    'createdBy', r."created_by"::text,
    'archivedAt', r."archived_at"::timestamptz,
    'name', r."name"::text,
    'parentId', r."parent_id"::text
  )
$ablo$;

alter function ablo_model."folders__row"("public"."folders") owner to ablo_owner;

revoke all on function ablo_model."folders__row"("public"."folders") from public;

grant execute on function ablo_model."folders__row"("public"."folders") to ablo_runtime;

-- folders: reading a row
create or replace function ablo_model."folders__read"(p_id text)
  returns json
  language plpgsql stable security invoker
as $ablo$
#variable_conflict use_variable
declare
  v_organization "public"."folders"."organization_id"%type := nullif(current_setting('app.current_org_id', true), '');
  v_id "public"."folders"."id"%type := p_id;
begin
  return (
    select ablo_model."folders__row"(t.*)
    from "public"."folders" t
    where t."organization_id" = v_organization and t."id" = v_id
  );
end
$ablo$;

alter function ablo_model."folders__read"(text) owner to ablo_owner;

revoke all on function ablo_model."folders__read"(text) from public;

-- folders: groups of a row
create or replace function ablo_model."folders__groups"(r "public"."folders")
  returns text[]
  language sql stable security invoker
as $ablo$
select array['org:' || r."organization_id", 'folders:' || r."id"]
$ablo$;

alter function ablo_model."folders__groups"("public"."folders") owner to ablo_owner;

revoke all on function ablo_model."folders__groups"("public"."folders") from public;

-- folders: capture
create or replace function ablo_model."folders__capture"()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  set datestyle = 'ISO, MDY'
  set extra_float_digits = 1
as $ablo$
declare
  v_organization text;
  v_id text;
  v_op text;
  v_gone boolean := tg_op = 'DELETE';
  v_made boolean := tg_op = 'INSERT';
  v_groups text[];
  v_left text[];
  v_row json;
  v_changed text[];
  v_done text;
begin
  if tg_op = 'UPDATE' then
    v_made := old."organization_id" is null;
    v_gone := not v_made
      and (new."id" is distinct from old."id" or new."organization_id" is distinct from old."organization_id");
  end if;
  if coalesce(new."organization_id", old."organization_id") is null then
    return null;
  end if;
  loop
    if v_gone then
      v_organization := old."organization_id";
      v_id := old."id";
      v_op := 'D';
      v_groups := array['org:' || old."organization_id", 'folders:' || old."id"];
    else
      v_organization := new."organization_id";
      v_id := new."id";
      begin
        v_row := pg_catalog.json_build_object(
        'id', new."id"::text,
        'createdAt', new."created_at"::timestamptz,
        'updatedAt', new."updated_at"::timestamptz,
        'organizationId', new."organization_id"::text,
        'createdBy', new."created_by"::text,
        'archivedAt', new."archived_at"::timestamptz,
        'name', new."name"::text,
        'parentId', new."parent_id"::text
      );
        if not v_made then
          v_changed := array_remove(array[
        'updatedAt',
        case when old."created_at" is distinct from new."created_at" then 'createdAt' end,
        case when old."created_by"::text collate "C" is distinct from new."created_by"::text collate "C" then 'createdBy' end,
        case when old."archived_at" is distinct from new."archived_at" then 'archivedAt' end,
        case when old."name"::text collate "C" is distinct from new."name"::text collate "C" then 'name' end,
        case when old."parent_id"::text collate "C" is distinct from new."parent_id"::text collate "C" then 'parentId' end
      ], null);
        end if;
      exception when undefined_column then
        select d.row_json, d.changed into v_row, v_changed
        from ablo.row_drifted('folders', tg_relid, case when not v_made then to_jsonb(old) end, to_jsonb(new)) d;
      end;
      v_groups := array['org:' || new."organization_id", 'folders:' || new."id"];
      if not v_made then
        v_op := case
          when (old."archived_at" is null) = (new."archived_at" is null) then 'U'
          when old."archived_at" is null then 'A'
          else 'V'
        end;
      else
        v_op := 'I';
      end if;
    end if;
    v_done := ablo.order_lock(v_organization);
    insert into ablo.delta (
      sync_id, organization_id, model, row_id, op, groups, "row", changed,
      actor, on_behalf_of, capability_id, claim_id, transaction_id, xid, created_at, left_groups
    )
    values (
      nextval('ablo.sync_id'), v_organization, 'folders', v_id, v_op, v_groups, v_row, v_changed,
      coalesce(nullif(current_setting('ablo.writer', true), ''), 'system:' || session_user),
      nullif(current_setting('ablo.on_behalf_of', true), ''),
      nullif(current_setting('ablo.capability_id', true), ''),
      ablo.claim_of('folders', v_id),
      ablo.transaction_of('folders', v_id),
      pg_current_xact_id(), clock_timestamp(), v_left
    );
    exit when not v_gone or new."organization_id" is null;
    v_gone := false;
    v_made := true;
  end loop;
  return null;
end
$ablo$;

alter function ablo_model."folders__capture"() owner to ablo_owner;

revoke all on function ablo_model."folders__capture"() from public;

-- folders: guard
create or replace function ablo_model."folders__guard"()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
as $ablo$
declare
  v_organization text;
  v_moved boolean := false;
  v_writer text := coalesce(
    nullif(current_setting('app.current_participant_id', true), ''),
    'system:' || session_user
  );
begin
  if tg_op = 'DELETE' then
    v_organization := old."organization_id";
  else
    v_organization := new."organization_id";
  end if;
  if tg_op = 'UPDATE' then
    v_moved := new."id" is distinct from old."id"
      or old."organization_id" is not null and new."organization_id" is distinct from old."organization_id";
    if v_moved then
      perform ablo.row_identity_check(tg_relid, false);
      perform ablo.capture_note(old."organization_id"::text);
    end if;
    if new."updated_at" is not distinct from old."updated_at"
      and current_setting('ablo.keep_updated_at', true) is distinct from 'on'
    then
      new."updated_at" := greatest(
        clock_timestamp(), old."updated_at" + interval '1 millisecond'
      );
    end if;
  end if;
  if v_organization is distinct from current_setting('app.current_org_id', true) then
    perform ablo.capture_note(v_organization);
  end if;
  if v_writer is distinct from current_setting('ablo.writer', true)
    and ablo.writer_note(v_writer) is null
  then
    null;
  end if;
  if tg_op = 'DELETE' then
    return old;
  end if;
  return new;
end
$ablo$;

alter function ablo_model."folders__guard"() owner to ablo_owner;

revoke all on function ablo_model."folders__guard"() from public;

-- folders: writes
create or replace function ablo_model."folders__explain"(p_action text, p_id text, p_data jsonb)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
declare
  v_fields constant jsonb := '{"name":{"required":true,"type":"string"},"parentId":{"required":false,"type":"string"}}';
begin
  return ablo_model.write_check('folders', v_fields, p_action, p_id, p_data);
end
$ablo$;

alter function ablo_model."folders__explain"(text, text, jsonb) owner to ablo_owner;

revoke all on function ablo_model."folders__explain"(text, text, jsonb) from public;

create or replace function ablo_model."folders__write"(p_action text, p_id text, p_data jsonb)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
#variable_conflict use_variable
declare
  v_organization "public"."folders"."organization_id"%type := nullif(current_setting('app.current_org_id', true), '');
  v_id "public"."folders"."id"%type;
  v_now timestamptz := clock_timestamp();
begin
  if pg_typeof(v_id) = 'text'::regtype then
    v_id := p_id;
  else
    begin
      v_id := p_id;
    exception when invalid_text_representation or numeric_value_out_of_range
      or string_data_right_truncation
    then
      perform ablo.raise_error('invalid_id',
        'folders' || ': the id ' || quote_literal(left(p_id, 80)) || ' does not fit its column, which is '
        || pg_typeof(v_id),
        'pass id=, as text: a value of type ' || pg_typeof(v_id),
        jsonb_build_object('model', 'folders', 'field', 'id', 'generated',
          ablo.id_sequence('"public"."folders"'::regclass, 'id') is not null));
    end;
  end if;
  if v_id::text <> p_id then
    perform ablo.raise_error('invalid_id',
      'folders' || ': the id is ' || quote_literal(v_id::text) || ', not ' || quote_literal(left(p_id, 80)),
      'pass the id as it was read',
      jsonb_build_object('model', 'folders', 'field', 'id'));
  end if;
  if p_action = 'update' then
    if (
      jsonb_typeof(p_data) = 'object'
      and pg_column_size(p_data) < 1000000
      and p_data - array['name', 'parentId']::text[] = '{}'
      and (ablo_model.is_string(p_data -> 'name')) is not false
      and (p_data -> 'parentId' = 'null' or ablo_model.is_string(p_data -> 'parentId')) is not false
    ) is not true then
      perform ablo_model."folders__explain"(p_action, p_id, p_data);
    end if;
    update "public"."folders" t set
      "name" = coalesce(p_data ->> 'name', t."name"),
      "parent_id" = case when p_data ? 'parentId' then p_data ->> 'parentId' else t."parent_id" end,
      "updated_at" = greatest(v_now, t."updated_at" + interval '1 millisecond')
    where t."organization_id" = v_organization and t."id" = v_id;
  elsif p_action = 'create' then
    if (
      v_organization is not null
      and p_id <> ''
      and octet_length(p_id) <= 255
      and jsonb_typeof(p_data) = 'object'
      and pg_column_size(p_data) < 1000000
      and p_data - array['name', 'parentId']::text[] = '{}'
      and ablo_model.is_string(p_data -> 'name')
      and (p_data -> 'parentId' = 'null' or ablo_model.is_string(p_data -> 'parentId')) is not false
    ) is not true then
      perform ablo_model."folders__explain"(p_action, p_id, p_data);
    end if;
    if pg_typeof(v_id) <> 'text'::regtype
      and ablo.base_type(pg_typeof(v_id)) = any ('{int8,int4,int2}'::regtype[])
    then
      perform ablo.id_pass('"public"."folders"'::regclass, 'id', 'folders', v_id::text::bigint);
    end if;
    insert into "public"."folders" (
      "id",
      "organization_id",
      "created_at",
      "updated_at",
      "created_by",
      "name",
      "parent_id"
    )
    overriding system value
    values (
      v_id,
      v_organization,
      v_now,
      v_now,
      nullif(current_setting('app.current_participant_id', true), ''),
      p_data ->> 'name',
      p_data ->> 'parentId'
    );
  elsif p_action = 'delete' then
    delete from "public"."folders" t
    where t."organization_id" = v_organization and t."id" = v_id;
  elsif p_action = 'archive' then
    update "public"."folders" t set
      "archived_at" = coalesce(t."archived_at", v_now),
      "updated_at" = greatest(v_now, t."updated_at" + interval '1 millisecond')
    where t."organization_id" = v_organization and t."id" = v_id;
  elsif p_action = 'unarchive' then
    update "public"."folders" t set
      "archived_at" = null,
      "updated_at" = greatest(v_now, t."updated_at" + interval '1 millisecond')
    where t."organization_id" = v_organization and t."id" = v_id;
  else
    perform ablo.raise_error('commit_operation_unsupported',
      'folders: there is no action ' || quote_nullable(left(p_action, 40)),
      'use create, update, delete, archive or unarchive');
  end if;
  if found then
    return true;
  end if;
  return ablo.write_suppressed('"public"."folders"'::regclass, 'folders', p_action, p_id,
    (select t."updated_at" from "public"."folders" t
     where t."organization_id" = v_organization and t."id" = v_id), v_now);
end
$ablo$;

alter function ablo_model."folders__write"(text, text, jsonb) owner to ablo_owner;

revoke all on function ablo_model."folders__write"(text, text, jsonb) from public;

select ablo.table_path_set('"public"."folders"'::regclass, 'ablo_model."folders__write"(text,text,jsonb)'::regprocedure);

create or replace function ablo_model."folders__lock"(p_id text)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
#variable_conflict use_variable
declare
  v_organization "public"."folders"."organization_id"%type := nullif(current_setting('app.current_org_id', true), '');
  v_id "public"."folders"."id"%type;
begin
  if pg_typeof(v_id) = 'text'::regtype then
    v_id := p_id;
  else
    begin
      v_id := p_id;
    exception when invalid_text_representation or numeric_value_out_of_range
      or string_data_right_truncation
    then
      perform ablo.raise_error('invalid_id',
        'folders' || ': the id ' || quote_literal(left(p_id, 80)) || ' does not fit its column, which is '
        || pg_typeof(v_id),
        'pass id=, as text: a value of type ' || pg_typeof(v_id),
        jsonb_build_object('model', 'folders', 'field', 'id', 'generated',
          ablo.id_sequence('"public"."folders"'::regclass, 'id') is not null));
    end;
  end if;
  if v_id::text <> p_id then
    perform ablo.raise_error('invalid_id',
      'folders' || ': the id is ' || quote_literal(v_id::text) || ', not ' || quote_literal(left(p_id, 80)),
      'pass the id as it was read',
      jsonb_build_object('model', 'folders', 'field', 'id'));
  end if;
  perform from "public"."folders" t
  where t."organization_id" = v_organization and t."id" = v_id
  for no key update;
  return found;
end
$ablo$;

alter function ablo_model."folders__lock"(text) owner to ablo_owner;

revoke all on function ablo_model."folders__lock"(text) from public;

-- folders: writes of many rows
create or replace function ablo_model."folders__many"(p_action text, p_organization text, p_now timestamptz, p_ords int[], p_ids text[], p_items jsonb[], p_participants text[])
  returns table (ord int, op text, row_id text, groups text[], left_groups text[], "row" json, changed text[])
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $ablo$
#variable_conflict use_variable
begin
  if current_user <> 'ablo_writer' then  -- its changes would be captured too
    return;
  elsif p_action = 'update' then
    return query with o as (
      select b.ord as ablo_ord, b.data as ablo_data, t.ctid as ablo_ctid, t.*
      from unnest(p_ords, p_ids, p_items) b (ord, id, data)
      join "public"."folders" t on t."organization_id" = p_organization and t."id" = b.id
      where jsonb_typeof(b.data) = 'object'
        and pg_column_size(b.data) < 1000000
        and b.data - array['name', 'parentId']::text[] = '{}'
        and (ablo_model.is_string(b.data -> 'name')) is not false
        and (b.data -> 'parentId' = 'null' or ablo_model.is_string(b.data -> 'parentId')) is not false
      for no key update of t skip locked
    )
    update "public"."folders" t set
      "name" = coalesce(o.ablo_data ->> 'name', t."name"),
      "parent_id" = case when o.ablo_data ? 'parentId' then o.ablo_data ->> 'parentId' else t."parent_id" end,
      "updated_at" = greatest(p_now, t."updated_at" + interval '1 millisecond')
    from o where t.ctid = o.ablo_ctid
    returning o.ablo_ord,
      case
        when (o."archived_at" is null) = (t."archived_at" is null) then 'U'
        when o."archived_at" is null then 'A'
        else 'V'
      end,
      t."id",
      array['org:' || t."organization_id", 'folders:' || t."id"],
      null::text[],
      pg_catalog.json_build_object(
        'id', t."id"::text,
        'createdAt', t."created_at"::timestamptz,
        'updatedAt', t."updated_at"::timestamptz,
        'organizationId', t."organization_id"::text,
        'createdBy', t."created_by"::text,
        'archivedAt', t."archived_at"::timestamptz,
        'name', t."name"::text,
        'parentId', t."parent_id"::text
      ),
      array_remove(array[
        'updatedAt',
        case when o."created_at" is distinct from t."created_at" then 'createdAt' end,
        case when o."created_by"::text collate "C" is distinct from t."created_by"::text collate "C" then 'createdBy' end,
        case when o."archived_at" is distinct from t."archived_at" then 'archivedAt' end,
        case when o."name"::text collate "C" is distinct from t."name"::text collate "C" then 'name' end,
        case when o."parent_id"::text collate "C" is distinct from t."parent_id"::text collate "C" then 'parentId' end
      ], null);
  elsif p_action = 'create' then
    return query with i as (
      insert into "public"."folders" as t (
        "id",
        "organization_id",
        "created_at",
        "updated_at",
        "created_by",
        "name",
        "parent_id"
      )
      select
        b.id,
        p_organization,
        p_now,
        p_now,
        b.participant,
        b.data ->> 'name',
        b.data ->> 'parentId'
      from unnest(p_ids, p_items, p_participants) b (id, data, participant)
      where b.id <> ''
        and octet_length(b.id) <= 255
        and jsonb_typeof(b.data) = 'object'
        and pg_column_size(b.data) < 1000000
        and b.data - array['name', 'parentId']::text[] = '{}'
        and ablo_model.is_string(b.data -> 'name')
        and (b.data -> 'parentId' = 'null' or ablo_model.is_string(b.data -> 'parentId')) is not false
      on conflict do nothing
      returning t.*
    )
    select b.ord, 'I', t."id",
      array['org:' || t."organization_id", 'folders:' || t."id"],
      null::text[],
      pg_catalog.json_build_object(
        'id', t."id"::text,
        'createdAt', t."created_at"::timestamptz,
        'updatedAt', t."updated_at"::timestamptz,
        'organizationId', t."organization_id"::text,
        'createdBy', t."created_by"::text,
        'archivedAt', t."archived_at"::timestamptz,
        'name', t."name"::text,
        'parentId', t."parent_id"::text
      ),
      null::text[]
    from i t join unnest(p_ords, p_ids) b (ord, id) on b.id = t."id";
  elsif p_action = 'delete' then
    return query with o as (
      select b.ord as ablo_ord, b.data as ablo_data, t.ctid as ablo_ctid, t.*
      from unnest(p_ords, p_ids, p_items) b (ord, id, data)
      join "public"."folders" t on t."organization_id" = p_organization and t."id" = b.id
      for update of t skip locked
    )
    delete from "public"."folders" t using o where t.ctid = o.ablo_ctid
    returning o.ablo_ord, 'D', t."id", array['org:' || t."organization_id", 'folders:' || t."id"],
      null::text[], null::json, null::text[];
  elsif p_action = 'archive' then
    return query with o as (
      select b.ord as ablo_ord, b.data as ablo_data, t.ctid as ablo_ctid, t.*
      from unnest(p_ords, p_ids, p_items) b (ord, id, data)
      join "public"."folders" t on t."organization_id" = p_organization and t."id" = b.id
      for no key update of t skip locked
    )
    update "public"."folders" t set
      "archived_at" = coalesce(t."archived_at", p_now),
      "updated_at" = greatest(p_now, t."updated_at" + interval '1 millisecond')
    from o where t.ctid = o.ablo_ctid
    returning o.ablo_ord,
      case
        when (o."archived_at" is null) = (t."archived_at" is null) then 'U'
        when o."archived_at" is null then 'A'
        else 'V'
      end,
      t."id",
      array['org:' || t."organization_id", 'folders:' || t."id"],
      null::text[],
      pg_catalog.json_build_object(
        'id', t."id"::text,
        'createdAt', t."created_at"::timestamptz,
        'updatedAt', t."updated_at"::timestamptz,
        'organizationId', t."organization_id"::text,
        'createdBy', t."created_by"::text,
        'archivedAt', t."archived_at"::timestamptz,
        'name', t."name"::text,
        'parentId', t."parent_id"::text
      ),
      array_remove(array[
        'updatedAt',
        case when o."created_at" is distinct from t."created_at" then 'createdAt' end,
        case when o."created_by"::text collate "C" is distinct from t."created_by"::text collate "C" then 'createdBy' end,
        case when o."archived_at" is distinct from t."archived_at" then 'archivedAt' end,
        case when o."name"::text collate "C" is distinct from t."name"::text collate "C" then 'name' end,
        case when o."parent_id"::text collate "C" is distinct from t."parent_id"::text collate "C" then 'parentId' end
      ], null);
  elsif p_action = 'unarchive' then
    return query with o as (
      select b.ord as ablo_ord, b.data as ablo_data, t.ctid as ablo_ctid, t.*
      from unnest(p_ords, p_ids, p_items) b (ord, id, data)
      join "public"."folders" t on t."organization_id" = p_organization and t."id" = b.id
      for no key update of t skip locked
    )
    update "public"."folders" t set
      "archived_at" = null,
      "updated_at" = greatest(p_now, t."updated_at" + interval '1 millisecond')
    from o where t.ctid = o.ablo_ctid
    returning o.ablo_ord,
      case
        when (o."archived_at" is null) = (t."archived_at" is null) then 'U'
        when o."archived_at" is null then 'A'
        else 'V'
      end,
      t."id",
      array['org:' || t."organization_id", 'folders:' || t."id"],
      null::text[],
      pg_catalog.json_build_object(
        'id', t."id"::text,
        'createdAt', t."created_at"::timestamptz,
        'updatedAt', t."updated_at"::timestamptz,
        'organizationId', t."organization_id"::text,
        'createdBy', t."created_by"::text,
        'archivedAt', t."archived_at"::timestamptz,
        'name', t."name"::text,
        'parentId', t."parent_id"::text
      ),
      array_remove(array[
        'updatedAt',
        case when o."created_at" is distinct from t."created_at" then 'createdAt' end,
        case when o."created_by"::text collate "C" is distinct from t."created_by"::text collate "C" then 'createdBy' end,
        case when o."archived_at" is distinct from t."archived_at" then 'archivedAt' end,
        case when o."name"::text collate "C" is distinct from t."name"::text collate "C" then 'name' end,
        case when o."parent_id"::text collate "C" is distinct from t."parent_id"::text collate "C" then 'parentId' end
      ], null);
  end if;
end
$ablo$;

alter function ablo_model."folders__many"(text, text, timestamptz, int[], text[], jsonb[], text[]) owner to ablo_owner;

revoke all on function ablo_model."folders__many"(text, text, timestamptz, int[], text[], jsonb[], text[]) from public;

do $ablo$
begin
  if exists (select from pg_catalog.pg_roles where rolname = 'ablo_writer') then
    alter function ablo_model."folders__many"(text, text, timestamptz, int[], text[], jsonb[], text[]) owner to ablo_writer;
    grant select, insert, update, delete on table "public"."folders" to ablo_writer;
  end if;
end
$ablo$;

-- folders: triggers
do $ablo$
begin
  if (
    select count(*) from pg_catalog.pg_trigger t
    where t.tgrelid = '"public"."folders"'::regclass and t.tgenabled = 'A'
      and t.tgname = any (array['zz_ablo_capture', 'zz_ablo_guard', 'zz_ablo_truncate']::text[])
      and pg_catalog.obj_description(t.oid, 'pg_trigger') = 'ablo_pg b1b2f5a2'
  ) <> 3 then
    drop trigger if exists zz_ablo_capture on "public"."folders";
    create constraint trigger zz_ablo_capture
      after insert or update or delete on "public"."folders"
      deferrable initially deferred for each row when (current_user <> 'ablo_writer')
      execute function ablo_model."folders__capture"();
    alter table "public"."folders" enable always trigger zz_ablo_capture;
    comment on trigger zz_ablo_capture on "public"."folders" is 'ablo_pg b1b2f5a2';
    drop trigger if exists zz_ablo_guard on "public"."folders";
    create trigger zz_ablo_guard
      before insert or update or delete on "public"."folders" for each row when (current_user <> 'ablo_writer')
      execute function ablo_model."folders__guard"();
    alter table "public"."folders" enable always trigger zz_ablo_guard;
    comment on trigger zz_ablo_guard on "public"."folders" is 'ablo_pg b1b2f5a2';
    drop trigger if exists zz_ablo_truncate on "public"."folders";
    create trigger zz_ablo_truncate before truncate on "public"."folders"
      for each statement execute function ablo.truncate_refuse();
    alter table "public"."folders" enable always trigger zz_ablo_truncate;
    comment on trigger zz_ablo_truncate on "public"."folders" is 'ablo_pg b1b2f5a2';
  end if;
end
$ablo$;

-- ======== model notes (public.notes) ========

-- notes: types of its columns
do $ablo$
declare
  v_column record;
begin
  for v_column in
    select w.wire, a.attname, pg_catalog.format_type(a.atttypid, null) as has, w.types
    from (
      values
        ('text', 'text', array['text', 'varchar', 'bpchar', 'citext']::text[]),
        ('archived_at', 'archivedAt', array['timestamptz', 'timestamp']::text[])
    ) w (name, wire, types)
    join pg_catalog.pg_attribute a on a.attname = w.name
    join pg_catalog.pg_type t on t.oid = ablo.base_type(a.atttypid)
    where a.attrelid = '"public"."notes"'::regclass and not a.attisdropped and t.typname <> all (w.types)
  loop
    raise exception using
      errcode = 'AB040',
      message = pg_catalog.format('notes.%s: the column %s.%I is of type %s, not %s',
        v_column.wire, 'public.notes', v_column.attname, v_column.has, v_column.types[1]),
      hint = 'convert the column (alter table ... alter column ... type ...), or correct the field',
      detail = pg_catalog.json_build_object(
        'code', 'incompatible_change', 'model', 'notes', 'field', v_column.wire)::text;
  end loop;
end
$ablo$;

-- notes: required fields
do $ablo$
begin
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"public"."notes"'::regclass and c.relowner = 'ablo_owner'::regrole
  ) then
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."notes"'::regclass and a.attname = 'organization_id'
        and not a.attnotnull
    ) then
      begin
        alter table "public"."notes" alter column "organization_id" set not null;
      exception when not_null_violation then
        raise warning '%.% still holds nulls: backfill it, then run this again',
          '"public"."notes"', 'organization_id';
      end;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."notes"'::regclass and a.attname = 'text'
        and a.attnotnull
    ) then
      alter table "public"."notes" alter column "text" drop not null;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."notes"'::regclass and a.attname = 'archived_at'
        and a.attnotnull
    ) then
      alter table "public"."notes" alter column "archived_at" drop not null;
    end if;
  end if;
end
$ablo$;

-- notes: checks
do $ablo$
begin
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"public"."notes"'::regclass and c.relowner = 'ablo_owner'::regrole
  ) then
    if not exists (
      select from pg_catalog.pg_constraint c
      where c.conrelid = '"public"."notes"'::regclass and c.conname = 'notes_archived_at_finite'
        and pg_catalog.obj_description(c.oid, 'pg_constraint') = 'ablo_pg fe05365b'
    ) then
      alter table "public"."notes"
        drop constraint if exists "notes_archived_at_finite",
        add constraint "notes_archived_at_finite" check (isfinite("archived_at"));
      comment on constraint "notes_archived_at_finite" on "public"."notes" is 'ablo_pg fe05365b';
    end if;
  end if;
end
$ablo$;

-- notes: row-level security
do $ablo$
begin
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"public"."notes"'::regclass and c.relowner = 'ablo_owner'::regrole
  ) then
    if exists (
      select from pg_catalog.pg_class c
      where c.oid = '"public"."notes"'::regclass and not (c.relrowsecurity and c.relforcerowsecurity)
    ) then
      alter table "public"."notes" enable row level security;
      alter table "public"."notes" force row level security;
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."notes"'::regclass and p.polname = 'notes_tenant_isolation'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg 64b6fada'
    ) then
      drop policy if exists "notes_tenant_isolation" on "public"."notes";
      create policy "notes_tenant_isolation" on "public"."notes" for all
        using ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')))
        with check ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')));
      comment on policy "notes_tenant_isolation" on "public"."notes" is 'ablo_pg 64b6fada';
    end if;
  else
    if exists (
      select from pg_catalog.pg_class c
      where c.oid = '"public"."notes"'::regclass and not c.relrowsecurity
    ) or exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."notes"'::regclass
        and p.polname = 'notes_tenant_isolation'
        and p.polroles = '{0}'
        and pg_catalog.obj_description(p.oid, 'pg_policy') like 'ablo\_pg %'
    ) then
      if not exists (
        select from pg_catalog.pg_policy p
        where p.polrelid = '"public"."notes"'::regclass and p.polname = 'notes_all_rows'
          and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg c575bfb3'
      ) then
        drop policy if exists "notes_all_rows" on "public"."notes";
        create policy "notes_all_rows" on "public"."notes" for all
          to public
          using (true)
          with check (true);
        comment on policy "notes_all_rows" on "public"."notes" is 'ablo_pg c575bfb3';
      end if;
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."notes"'::regclass and p.polname = 'notes_ablo_rows'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg a99098dd'
    ) then
      drop policy if exists "notes_ablo_rows" on "public"."notes";
      create policy "notes_ablo_rows" on "public"."notes" for all
        to ablo_runtime, ablo_owner
        using (true)
        with check (true);
      comment on policy "notes_ablo_rows" on "public"."notes" is 'ablo_pg a99098dd';
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."notes"'::regclass and p.polname = 'notes_tenant_isolation'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg 61f27e58'
    ) then
      drop policy if exists "notes_tenant_isolation" on "public"."notes";
      create policy "notes_tenant_isolation" on "public"."notes" as restrictive for all
        to ablo_runtime
        using ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')))
        with check ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')));
      comment on policy "notes_tenant_isolation" on "public"."notes" is 'ablo_pg 61f27e58';
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."notes"'::regclass and p.polname = 'notes_kernel_tenant_isolation'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg e8fbda28'
    ) then
      drop policy if exists "notes_kernel_tenant_isolation" on "public"."notes";
      create policy "notes_kernel_tenant_isolation" on "public"."notes" as restrictive for all
        to ablo_owner
        using ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), ''))
          or (select not (pg_has_role(session_user, 'ablo_runtime', 'member') and not pg_has_role(session_user, 'ablo_owner', 'member'))))
        with check ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), ''))
          or (select not (pg_has_role(session_user, 'ablo_runtime', 'member') and not pg_has_role(session_user, 'ablo_owner', 'member'))));
      comment on policy "notes_kernel_tenant_isolation" on "public"."notes" is 'ablo_pg e8fbda28';
    end if;
    if exists (
      select from pg_catalog.pg_class c
      where c.oid = '"public"."notes"'::regclass and not c.relrowsecurity
    ) then
      alter table "public"."notes" enable row level security;
    end if;
  end if;
end
$ablo$;

-- notes: grants
grant select, insert, update, delete on table "public"."notes" to ablo_runtime;

grant select, insert, update, delete on table "public"."notes" to ablo_owner;

do $ablo$
declare
  v_sequence text;
begin
  for v_sequence in
    select distinct s.id::text
    from pg_catalog.pg_attribute a
    cross join ablo.id_sequence('"public"."notes"'::regclass, a.attname::text) s (id)
    where a.attrelid = '"public"."notes"'::regclass and a.attnum > 0 and not (
      pg_catalog.has_sequence_privilege('ablo_owner', s.id, 'usage')
      and pg_catalog.has_sequence_privilege('ablo_runtime', s.id, 'usage')
    )
  loop
    execute format('grant usage on sequence %s to ablo_owner, ablo_runtime', v_sequence);
  end loop;
end
$ablo$;

-- notes: a row as JSON
create or replace function ablo_model."notes__row"(r "public"."notes")
  returns json
  language sql stable security invoker
as $ablo$
  select pg_catalog.json_build_object(
    'id', r."id"::text,
    'createdAt', r."created_at"::timestamptz,
    'updatedAt', r."updated_at"::timestamptz,
    'organizationId', r."organization_id"::text,
    'createdBy', r."created_by"::text,
    'text', r."text"::text,
    'archivedAt', r."archived_at"::timestamptz
  )
$ablo$;

alter function ablo_model."notes__row"("public"."notes") owner to ablo_owner;

revoke all on function ablo_model."notes__row"("public"."notes") from public;

grant execute on function ablo_model."notes__row"("public"."notes") to ablo_runtime;

-- notes: reading a row
create or replace function ablo_model."notes__read"(p_id text)
  returns json
  language plpgsql stable security invoker
as $ablo$
#variable_conflict use_variable
declare
  v_organization "public"."notes"."organization_id"%type := nullif(current_setting('app.current_org_id', true), '');
  v_id "public"."notes"."id"%type := p_id;
begin
  return (
    select ablo_model."notes__row"(t.*)
    from "public"."notes" t
    where t."organization_id" = v_organization and t."id" = v_id
  );
end
$ablo$;

alter function ablo_model."notes__read"(text) owner to ablo_owner;

revoke all on function ablo_model."notes__read"(text) from public;

-- notes: groups of a row
create or replace function ablo_model."notes__groups"(r "public"."notes")
  returns text[]
  language sql stable security invoker
as $ablo$
select array['org:' || r."organization_id", 'notes:' || r."id"]
$ablo$;

alter function ablo_model."notes__groups"("public"."notes") owner to ablo_owner;

revoke all on function ablo_model."notes__groups"("public"."notes") from public;

-- notes: capture
create or replace function ablo_model."notes__capture"()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  set datestyle = 'ISO, MDY'
  set extra_float_digits = 1
as $ablo$
declare
  v_organization text;
  v_id text;
  v_op text;
  v_gone boolean := tg_op = 'DELETE';
  v_made boolean := tg_op = 'INSERT';
  v_groups text[];
  v_left text[];
  v_row json;
  v_changed text[];
  v_done text;
begin
  if tg_op = 'UPDATE' then
    v_made := old."organization_id" is null;
    v_gone := not v_made
      and (new."id" is distinct from old."id" or new."organization_id" is distinct from old."organization_id");
  end if;
  if coalesce(new."organization_id", old."organization_id") is null then
    return null;
  end if;
  loop
    if v_gone then
      v_organization := old."organization_id";
      v_id := old."id";
      v_op := 'D';
      v_groups := array['org:' || old."organization_id", 'notes:' || old."id"];
    else
      v_organization := new."organization_id";
      v_id := new."id";
      begin
        v_row := pg_catalog.json_build_object(
        'id', new."id"::text,
        'createdAt', new."created_at"::timestamptz,
        'updatedAt', new."updated_at"::timestamptz,
        'organizationId', new."organization_id"::text,
        'createdBy', new."created_by"::text,
        'text', new."text"::text,
        'archivedAt', new."archived_at"::timestamptz
      );
        if not v_made then
          v_changed := array_remove(array[
        'updatedAt',
        case when old."created_at" is distinct from new."created_at" then 'createdAt' end,
        case when old."created_by"::text collate "C" is distinct from new."created_by"::text collate "C" then 'createdBy' end,
        case when old."text"::text collate "C" is distinct from new."text"::text collate "C" then 'text' end,
        case when old."archived_at" is distinct from new."archived_at" then 'archivedAt' end
      ], null);
        end if;
      exception when undefined_column then
        select d.row_json, d.changed into v_row, v_changed
        from ablo.row_drifted('notes', tg_relid, case when not v_made then to_jsonb(old) end, to_jsonb(new)) d;
      end;
      v_groups := array['org:' || new."organization_id", 'notes:' || new."id"];
      if not v_made then
        v_op := case
          when (old."archived_at" is null) = (new."archived_at" is null) then 'U'
          when old."archived_at" is null then 'A'
          else 'V'
        end;
      else
        v_op := 'I';
      end if;
    end if;
    v_done := ablo.order_lock(v_organization);
    insert into ablo.delta (
      sync_id, organization_id, model, row_id, op, groups, "row", changed,
      actor, on_behalf_of, capability_id, claim_id, transaction_id, xid, created_at, left_groups
    )
    values (
      nextval('ablo.sync_id'), v_organization, 'notes', v_id, v_op, v_groups, v_row, v_changed,
      coalesce(nullif(current_setting('ablo.writer', true), ''), 'system:' || session_user),
      nullif(current_setting('ablo.on_behalf_of', true), ''),
      nullif(current_setting('ablo.capability_id', true), ''),
      ablo.claim_of('notes', v_id),
      ablo.transaction_of('notes', v_id),
      pg_current_xact_id(), clock_timestamp(), v_left
    );
    exit when not v_gone or new."organization_id" is null;
    v_gone := false;
    v_made := true;
  end loop;
  return null;
end
$ablo$;

alter function ablo_model."notes__capture"() owner to ablo_owner;

revoke all on function ablo_model."notes__capture"() from public;

-- notes: guard
create or replace function ablo_model."notes__guard"()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
as $ablo$
declare
  v_organization text;
  v_moved boolean := false;
  v_writer text := coalesce(
    nullif(current_setting('app.current_participant_id', true), ''),
    'system:' || session_user
  );
begin
  if tg_op = 'DELETE' then
    v_organization := old."organization_id";
  else
    v_organization := new."organization_id";
  end if;
  if tg_op = 'UPDATE' then
    v_moved := new."id" is distinct from old."id"
      or old."organization_id" is not null and new."organization_id" is distinct from old."organization_id";
    if v_moved then
      perform ablo.row_identity_check(tg_relid, false);
      perform ablo.capture_note(old."organization_id"::text);
    end if;
    if new."updated_at" is not distinct from old."updated_at"
      and current_setting('ablo.keep_updated_at', true) is distinct from 'on'
    then
      new."updated_at" := greatest(
        clock_timestamp(), old."updated_at" + interval '1 millisecond'
      );
    end if;
  end if;
  if v_organization is distinct from current_setting('app.current_org_id', true) then
    perform ablo.capture_note(v_organization);
  end if;
  if v_writer is distinct from current_setting('ablo.writer', true)
    and ablo.writer_note(v_writer) is null
  then
    null;
  end if;
  if tg_op = 'DELETE' then
    return old;
  end if;
  return new;
end
$ablo$;

alter function ablo_model."notes__guard"() owner to ablo_owner;

revoke all on function ablo_model."notes__guard"() from public;

-- notes: writes
create or replace function ablo_model."notes__explain"(p_action text, p_id text, p_data jsonb)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
declare
  v_fields constant jsonb := '{"archivedAt":{"required":false,"type":"datetime"},"text":{"required":false,"type":"string"}}';
begin
  return ablo_model.write_check('notes', v_fields, p_action, p_id, p_data);
end
$ablo$;

alter function ablo_model."notes__explain"(text, text, jsonb) owner to ablo_owner;

revoke all on function ablo_model."notes__explain"(text, text, jsonb) from public;

create or replace function ablo_model."notes__write"(p_action text, p_id text, p_data jsonb)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
#variable_conflict use_variable
declare
  v_organization "public"."notes"."organization_id"%type := nullif(current_setting('app.current_org_id', true), '');
  v_id "public"."notes"."id"%type;
  v_now timestamptz := clock_timestamp();
begin
  if pg_typeof(v_id) = 'text'::regtype then
    v_id := p_id;
  else
    begin
      v_id := p_id;
    exception when invalid_text_representation or numeric_value_out_of_range
      or string_data_right_truncation
    then
      perform ablo.raise_error('invalid_id',
        'notes' || ': the id ' || quote_literal(left(p_id, 80)) || ' does not fit its column, which is '
        || pg_typeof(v_id),
        'pass id=, as text: a value of type ' || pg_typeof(v_id),
        jsonb_build_object('model', 'notes', 'field', 'id', 'generated',
          ablo.id_sequence('"public"."notes"'::regclass, 'id') is not null));
    end;
  end if;
  if v_id::text <> p_id then
    perform ablo.raise_error('invalid_id',
      'notes' || ': the id is ' || quote_literal(v_id::text) || ', not ' || quote_literal(left(p_id, 80)),
      'pass the id as it was read',
      jsonb_build_object('model', 'notes', 'field', 'id'));
  end if;
  if p_action = 'update' then
    if (
      jsonb_typeof(p_data) = 'object'
      and pg_column_size(p_data) < 1000000
      and p_data - array['text', 'archivedAt']::text[] = '{}'
      and (p_data -> 'text' = 'null' or ablo_model.is_string(p_data -> 'text')) is not false
      and (p_data -> 'archivedAt' = 'null' or ablo_model.is_datetime(p_data -> 'archivedAt')) is not false
    ) is not true then
      perform ablo_model."notes__explain"(p_action, p_id, p_data);
    end if;
    update "public"."notes" t set
      "text" = case when p_data ? 'text' then p_data ->> 'text' else t."text" end,
      "archived_at" = case when p_data ? 'archivedAt' then (p_data ->> 'archivedAt')::timestamptz else t."archived_at" end,
      "updated_at" = greatest(v_now, t."updated_at" + interval '1 millisecond')
    where t."organization_id" = v_organization and t."id" = v_id;
  elsif p_action = 'create' then
    if (
      v_organization is not null
      and p_id <> ''
      and octet_length(p_id) <= 255
      and jsonb_typeof(p_data) = 'object'
      and pg_column_size(p_data) < 1000000
      and p_data - array['text', 'archivedAt']::text[] = '{}'
      and (p_data -> 'text' = 'null' or ablo_model.is_string(p_data -> 'text')) is not false
      and (p_data -> 'archivedAt' = 'null' or ablo_model.is_datetime(p_data -> 'archivedAt')) is not false
    ) is not true then
      perform ablo_model."notes__explain"(p_action, p_id, p_data);
    end if;
    if pg_typeof(v_id) <> 'text'::regtype
      and ablo.base_type(pg_typeof(v_id)) = any ('{int8,int4,int2}'::regtype[])
    then
      perform ablo.id_pass('"public"."notes"'::regclass, 'id', 'notes', v_id::text::bigint);
    end if;
    insert into "public"."notes" (
      "id",
      "organization_id",
      "created_at",
      "updated_at",
      "created_by",
      "text",
      "archived_at"
    )
    overriding system value
    values (
      v_id,
      v_organization,
      v_now,
      v_now,
      nullif(current_setting('app.current_participant_id', true), ''),
      p_data ->> 'text',
      (p_data ->> 'archivedAt')::timestamptz
    );
  elsif p_action = 'delete' then
    delete from "public"."notes" t
    where t."organization_id" = v_organization and t."id" = v_id;
  elsif p_action = 'archive' then
    update "public"."notes" t set
      "archived_at" = coalesce(t."archived_at", v_now),
      "updated_at" = greatest(v_now, t."updated_at" + interval '1 millisecond')
    where t."organization_id" = v_organization and t."id" = v_id;
  elsif p_action = 'unarchive' then
    update "public"."notes" t set
      "archived_at" = null,
      "updated_at" = greatest(v_now, t."updated_at" + interval '1 millisecond')
    where t."organization_id" = v_organization and t."id" = v_id;
  else
    perform ablo.raise_error('commit_operation_unsupported',
      'notes: there is no action ' || quote_nullable(left(p_action, 40)),
      'use create, update, delete, archive or unarchive');
  end if;
  if found then
    return true;
  end if;
  return ablo.write_suppressed('"public"."notes"'::regclass, 'notes', p_action, p_id,
    (select t."updated_at" from "public"."notes" t
     where t."organization_id" = v_organization and t."id" = v_id), v_now);
end
$ablo$;

alter function ablo_model."notes__write"(text, text, jsonb) owner to ablo_owner;

revoke all on function ablo_model."notes__write"(text, text, jsonb) from public;

select ablo.table_path_set('"public"."notes"'::regclass, 'ablo_model."notes__write"(text,text,jsonb)'::regprocedure);

create or replace function ablo_model."notes__lock"(p_id text)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
#variable_conflict use_variable
declare
  v_organization "public"."notes"."organization_id"%type := nullif(current_setting('app.current_org_id', true), '');
  v_id "public"."notes"."id"%type;
begin
  if pg_typeof(v_id) = 'text'::regtype then
    v_id := p_id;
  else
    begin
      v_id := p_id;
    exception when invalid_text_representation or numeric_value_out_of_range
      or string_data_right_truncation
    then
      perform ablo.raise_error('invalid_id',
        'notes' || ': the id ' || quote_literal(left(p_id, 80)) || ' does not fit its column, which is '
        || pg_typeof(v_id),
        'pass id=, as text: a value of type ' || pg_typeof(v_id),
        jsonb_build_object('model', 'notes', 'field', 'id', 'generated',
          ablo.id_sequence('"public"."notes"'::regclass, 'id') is not null));
    end;
  end if;
  if v_id::text <> p_id then
    perform ablo.raise_error('invalid_id',
      'notes' || ': the id is ' || quote_literal(v_id::text) || ', not ' || quote_literal(left(p_id, 80)),
      'pass the id as it was read',
      jsonb_build_object('model', 'notes', 'field', 'id'));
  end if;
  perform from "public"."notes" t
  where t."organization_id" = v_organization and t."id" = v_id
  for no key update;
  return found;
end
$ablo$;

alter function ablo_model."notes__lock"(text) owner to ablo_owner;

revoke all on function ablo_model."notes__lock"(text) from public;

-- notes: writes of many rows
create or replace function ablo_model."notes__many"(p_action text, p_organization text, p_now timestamptz, p_ords int[], p_ids text[], p_items jsonb[], p_participants text[])
  returns table (ord int, op text, row_id text, groups text[], left_groups text[], "row" json, changed text[])
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $ablo$
#variable_conflict use_variable
begin
  if current_user <> 'ablo_writer' then  -- its changes would be captured too
    return;
  elsif p_action = 'update' then
    return query with o as (
      select b.ord as ablo_ord, b.data as ablo_data, t.ctid as ablo_ctid, t.*
      from unnest(p_ords, p_ids, p_items) b (ord, id, data)
      join "public"."notes" t on t."organization_id" = p_organization and t."id" = b.id
      where jsonb_typeof(b.data) = 'object'
        and pg_column_size(b.data) < 1000000
        and b.data - array['text', 'archivedAt']::text[] = '{}'
        and (b.data -> 'text' = 'null' or ablo_model.is_string(b.data -> 'text')) is not false
        and (b.data -> 'archivedAt' = 'null' or ablo_model.is_datetime(b.data -> 'archivedAt')) is not false
      for no key update of t skip locked
    )
    update "public"."notes" t set
      "text" = case when o.ablo_data ? 'text' then o.ablo_data ->> 'text' else t."text" end,
      "archived_at" = case when o.ablo_data ? 'archivedAt' then (o.ablo_data ->> 'archivedAt')::timestamptz else t."archived_at" end,
      "updated_at" = greatest(p_now, t."updated_at" + interval '1 millisecond')
    from o where t.ctid = o.ablo_ctid
    returning o.ablo_ord,
      case
        when (o."archived_at" is null) = (t."archived_at" is null) then 'U'
        when o."archived_at" is null then 'A'
        else 'V'
      end,
      t."id",
      array['org:' || t."organization_id", 'notes:' || t."id"],
      null::text[],
      pg_catalog.json_build_object(
        'id', t."id"::text,
        'createdAt', t."created_at"::timestamptz,
        'updatedAt', t."updated_at"::timestamptz,
        'organizationId', t."organization_id"::text,
        'createdBy', t."created_by"::text,
        'text', t."text"::text,
        'archivedAt', t."archived_at"::timestamptz
      ),
      array_remove(array[
        'updatedAt',
        case when o."created_at" is distinct from t."created_at" then 'createdAt' end,
        case when o."created_by"::text collate "C" is distinct from t."created_by"::text collate "C" then 'createdBy' end,
        case when o."text"::text collate "C" is distinct from t."text"::text collate "C" then 'text' end,
        case when o."archived_at" is distinct from t."archived_at" then 'archivedAt' end
      ], null);
  elsif p_action = 'create' then
    return query with i as (
      insert into "public"."notes" as t (
        "id",
        "organization_id",
        "created_at",
        "updated_at",
        "created_by",
        "text",
        "archived_at"
      )
      select
        b.id,
        p_organization,
        p_now,
        p_now,
        b.participant,
        b.data ->> 'text',
        (b.data ->> 'archivedAt')::timestamptz
      from unnest(p_ids, p_items, p_participants) b (id, data, participant)
      where b.id <> ''
        and octet_length(b.id) <= 255
        and jsonb_typeof(b.data) = 'object'
        and pg_column_size(b.data) < 1000000
        and b.data - array['text', 'archivedAt']::text[] = '{}'
        and (b.data -> 'text' = 'null' or ablo_model.is_string(b.data -> 'text')) is not false
        and (b.data -> 'archivedAt' = 'null' or ablo_model.is_datetime(b.data -> 'archivedAt')) is not false
      on conflict do nothing
      returning t.*
    )
    select b.ord, 'I', t."id",
      array['org:' || t."organization_id", 'notes:' || t."id"],
      null::text[],
      pg_catalog.json_build_object(
        'id', t."id"::text,
        'createdAt', t."created_at"::timestamptz,
        'updatedAt', t."updated_at"::timestamptz,
        'organizationId', t."organization_id"::text,
        'createdBy', t."created_by"::text,
        'text', t."text"::text,
        'archivedAt', t."archived_at"::timestamptz
      ),
      null::text[]
    from i t join unnest(p_ords, p_ids) b (ord, id) on b.id = t."id";
  elsif p_action = 'delete' then
    return query with o as (
      select b.ord as ablo_ord, b.data as ablo_data, t.ctid as ablo_ctid, t.*
      from unnest(p_ords, p_ids, p_items) b (ord, id, data)
      join "public"."notes" t on t."organization_id" = p_organization and t."id" = b.id
      for update of t skip locked
    )
    delete from "public"."notes" t using o where t.ctid = o.ablo_ctid
    returning o.ablo_ord, 'D', t."id", array['org:' || t."organization_id", 'notes:' || t."id"],
      null::text[], null::json, null::text[];
  elsif p_action = 'archive' then
    return query with o as (
      select b.ord as ablo_ord, b.data as ablo_data, t.ctid as ablo_ctid, t.*
      from unnest(p_ords, p_ids, p_items) b (ord, id, data)
      join "public"."notes" t on t."organization_id" = p_organization and t."id" = b.id
      for no key update of t skip locked
    )
    update "public"."notes" t set
      "archived_at" = coalesce(t."archived_at", p_now),
      "updated_at" = greatest(p_now, t."updated_at" + interval '1 millisecond')
    from o where t.ctid = o.ablo_ctid
    returning o.ablo_ord,
      case
        when (o."archived_at" is null) = (t."archived_at" is null) then 'U'
        when o."archived_at" is null then 'A'
        else 'V'
      end,
      t."id",
      array['org:' || t."organization_id", 'notes:' || t."id"],
      null::text[],
      pg_catalog.json_build_object(
        'id', t."id"::text,
        'createdAt', t."created_at"::timestamptz,
        'updatedAt', t."updated_at"::timestamptz,
        'organizationId', t."organization_id"::text,
        'createdBy', t."created_by"::text,
        'text', t."text"::text,
        'archivedAt', t."archived_at"::timestamptz
      ),
      array_remove(array[
        'updatedAt',
        case when o."created_at" is distinct from t."created_at" then 'createdAt' end,
        case when o."created_by"::text collate "C" is distinct from t."created_by"::text collate "C" then 'createdBy' end,
        case when o."text"::text collate "C" is distinct from t."text"::text collate "C" then 'text' end,
        case when o."archived_at" is distinct from t."archived_at" then 'archivedAt' end
      ], null);
  elsif p_action = 'unarchive' then
    return query with o as (
      select b.ord as ablo_ord, b.data as ablo_data, t.ctid as ablo_ctid, t.*
      from unnest(p_ords, p_ids, p_items) b (ord, id, data)
      join "public"."notes" t on t."organization_id" = p_organization and t."id" = b.id
      for no key update of t skip locked
    )
    update "public"."notes" t set
      "archived_at" = null,
      "updated_at" = greatest(p_now, t."updated_at" + interval '1 millisecond')
    from o where t.ctid = o.ablo_ctid
    returning o.ablo_ord,
      case
        when (o."archived_at" is null) = (t."archived_at" is null) then 'U'
        when o."archived_at" is null then 'A'
        else 'V'
      end,
      t."id",
      array['org:' || t."organization_id", 'notes:' || t."id"],
      null::text[],
      pg_catalog.json_build_object(
        'id', t."id"::text,
        'createdAt', t."created_at"::timestamptz,
        'updatedAt', t."updated_at"::timestamptz,
        'organizationId', t."organization_id"::text,
        'createdBy', t."created_by"::text,
        'text', t."text"::text,
        'archivedAt', t."archived_at"::timestamptz
      ),
      array_remove(array[
        'updatedAt',
        case when o."created_at" is distinct from t."created_at" then 'createdAt' end,
        case when o."created_by"::text collate "C" is distinct from t."created_by"::text collate "C" then 'createdBy' end,
        case when o."text"::text collate "C" is distinct from t."text"::text collate "C" then 'text' end,
        case when o."archived_at" is distinct from t."archived_at" then 'archivedAt' end
      ], null);
  end if;
end
$ablo$;

alter function ablo_model."notes__many"(text, text, timestamptz, int[], text[], jsonb[], text[]) owner to ablo_owner;

revoke all on function ablo_model."notes__many"(text, text, timestamptz, int[], text[], jsonb[], text[]) from public;

do $ablo$
begin
  if exists (select from pg_catalog.pg_roles where rolname = 'ablo_writer') then
    alter function ablo_model."notes__many"(text, text, timestamptz, int[], text[], jsonb[], text[]) owner to ablo_writer;
    grant select, insert, update, delete on table "public"."notes" to ablo_writer;
  end if;
end
$ablo$;

-- notes: triggers
do $ablo$
begin
  if (
    select count(*) from pg_catalog.pg_trigger t
    where t.tgrelid = '"public"."notes"'::regclass and t.tgenabled = 'A'
      and t.tgname = any (array['zz_ablo_capture', 'zz_ablo_guard', 'zz_ablo_truncate']::text[])
      and pg_catalog.obj_description(t.oid, 'pg_trigger') = 'ablo_pg 42705c34'
  ) <> 3 then
    drop trigger if exists zz_ablo_capture on "public"."notes";
    create constraint trigger zz_ablo_capture
      after insert or update or delete on "public"."notes"
      deferrable initially deferred for each row when (current_user <> 'ablo_writer')
      execute function ablo_model."notes__capture"();
    alter table "public"."notes" enable always trigger zz_ablo_capture;
    comment on trigger zz_ablo_capture on "public"."notes" is 'ablo_pg 42705c34';
    drop trigger if exists zz_ablo_guard on "public"."notes";
    create trigger zz_ablo_guard
      before insert or update or delete on "public"."notes" for each row when (current_user <> 'ablo_writer')
      execute function ablo_model."notes__guard"();
    alter table "public"."notes" enable always trigger zz_ablo_guard;
    comment on trigger zz_ablo_guard on "public"."notes" is 'ablo_pg 42705c34';
    drop trigger if exists zz_ablo_truncate on "public"."notes";
    create trigger zz_ablo_truncate before truncate on "public"."notes"
      for each statement execute function ablo.truncate_refuse();
    alter table "public"."notes" enable always trigger zz_ablo_truncate;
    comment on trigger zz_ablo_truncate on "public"."notes" is 'ablo_pg 42705c34';
  end if;
end
$ablo$;

-- ======== model projects (public.projects) ========

-- projects: types of its columns
do $ablo$
declare
  v_column record;
begin
  for v_column in
    select w.wire, a.attname, pg_catalog.format_type(a.atttypid, null) as has, w.types
    from (
      values
        ('name', 'name', array['text', 'varchar', 'bpchar', 'citext']::text[]),
        ('team_id', 'teamId', array['text', 'varchar', 'bpchar', 'citext']::text[])
    ) w (name, wire, types)
    join pg_catalog.pg_attribute a on a.attname = w.name
    join pg_catalog.pg_type t on t.oid = ablo.base_type(a.atttypid)
    where a.attrelid = '"public"."projects"'::regclass and not a.attisdropped and t.typname <> all (w.types)
  loop
    raise exception using
      errcode = 'AB040',
      message = pg_catalog.format('projects.%s: the column %s.%I is of type %s, not %s',
        v_column.wire, 'public.projects', v_column.attname, v_column.has, v_column.types[1]),
      hint = 'convert the column (alter table ... alter column ... type ...), or correct the field',
      detail = pg_catalog.json_build_object(
        'code', 'incompatible_change', 'model', 'projects', 'field', v_column.wire)::text;
  end loop;
end
$ablo$;

-- projects: required fields
do $ablo$
begin
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"public"."projects"'::regclass and c.relowner = 'ablo_owner'::regrole
  ) then
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."projects"'::regclass and a.attname = 'organization_id'
        and not a.attnotnull
    ) then
      begin
        alter table "public"."projects" alter column "organization_id" set not null;
      exception when not_null_violation then
        raise warning '%.% still holds nulls: backfill it, then run this again',
          '"public"."projects"', 'organization_id';
      end;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."projects"'::regclass and a.attname = 'name'
        and not a.attnotnull
    ) then
      begin
        alter table "public"."projects" alter column "name" set not null;
      exception when not_null_violation then
        raise warning '%.% still holds nulls: backfill it, then run this again',
          '"public"."projects"', 'name';
      end;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."projects"'::regclass and a.attname = 'team_id'
        and a.attnotnull
    ) then
      alter table "public"."projects" alter column "team_id" drop not null;
    end if;
  end if;
end
$ablo$;

-- projects: indexes
do $ablo$
begin
  if not exists (
    select from pg_catalog.pg_index i
    join pg_catalog.pg_class c on c.oid = i.indexrelid
    where i.indrelid = '"public"."projects"'::regclass and c.relname = 'projects_name_idx'
  ) then
    create index "projects_name_idx" on "public"."projects" ("organization_id", "name");
  end if;
  if not exists (
    select from pg_catalog.pg_index i
    join pg_catalog.pg_class c on c.oid = i.indexrelid
    where i.indrelid = '"public"."projects"'::regclass and c.relname = 'projects_team_id_idx'
  ) then
    create index "projects_team_id_idx" on "public"."projects" ("organization_id", "team_id");
  end if;
end
$ablo$;

-- projects: row-level security
do $ablo$
begin
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"public"."projects"'::regclass and c.relowner = 'ablo_owner'::regrole
  ) then
    if exists (
      select from pg_catalog.pg_class c
      where c.oid = '"public"."projects"'::regclass and not (c.relrowsecurity and c.relforcerowsecurity)
    ) then
      alter table "public"."projects" enable row level security;
      alter table "public"."projects" force row level security;
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."projects"'::regclass and p.polname = 'projects_tenant_isolation'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg 64b6fada'
    ) then
      drop policy if exists "projects_tenant_isolation" on "public"."projects";
      create policy "projects_tenant_isolation" on "public"."projects" for all
        using ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')))
        with check ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')));
      comment on policy "projects_tenant_isolation" on "public"."projects" is 'ablo_pg 64b6fada';
    end if;
  else
    if exists (
      select from pg_catalog.pg_class c
      where c.oid = '"public"."projects"'::regclass and not c.relrowsecurity
    ) or exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."projects"'::regclass
        and p.polname = 'projects_tenant_isolation'
        and p.polroles = '{0}'
        and pg_catalog.obj_description(p.oid, 'pg_policy') like 'ablo\_pg %'
    ) then
      if not exists (
        select from pg_catalog.pg_policy p
        where p.polrelid = '"public"."projects"'::regclass and p.polname = 'projects_all_rows'
          and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg c575bfb3'
      ) then
        drop policy if exists "projects_all_rows" on "public"."projects";
        create policy "projects_all_rows" on "public"."projects" for all
          to public
          using (true)
          with check (true);
        comment on policy "projects_all_rows" on "public"."projects" is 'ablo_pg c575bfb3';
      end if;
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."projects"'::regclass and p.polname = 'projects_ablo_rows'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg a99098dd'
    ) then
      drop policy if exists "projects_ablo_rows" on "public"."projects";
      create policy "projects_ablo_rows" on "public"."projects" for all
        to ablo_runtime, ablo_owner
        using (true)
        with check (true);
      comment on policy "projects_ablo_rows" on "public"."projects" is 'ablo_pg a99098dd';
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."projects"'::regclass and p.polname = 'projects_tenant_isolation'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg 61f27e58'
    ) then
      drop policy if exists "projects_tenant_isolation" on "public"."projects";
      create policy "projects_tenant_isolation" on "public"."projects" as restrictive for all
        to ablo_runtime
        using ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')))
        with check ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')));
      comment on policy "projects_tenant_isolation" on "public"."projects" is 'ablo_pg 61f27e58';
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."projects"'::regclass and p.polname = 'projects_kernel_tenant_isolation'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg e8fbda28'
    ) then
      drop policy if exists "projects_kernel_tenant_isolation" on "public"."projects";
      create policy "projects_kernel_tenant_isolation" on "public"."projects" as restrictive for all
        to ablo_owner
        using ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), ''))
          or (select not (pg_has_role(session_user, 'ablo_runtime', 'member') and not pg_has_role(session_user, 'ablo_owner', 'member'))))
        with check ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), ''))
          or (select not (pg_has_role(session_user, 'ablo_runtime', 'member') and not pg_has_role(session_user, 'ablo_owner', 'member'))));
      comment on policy "projects_kernel_tenant_isolation" on "public"."projects" is 'ablo_pg e8fbda28';
    end if;
    if exists (
      select from pg_catalog.pg_class c
      where c.oid = '"public"."projects"'::regclass and not c.relrowsecurity
    ) then
      alter table "public"."projects" enable row level security;
    end if;
  end if;
end
$ablo$;

-- projects: grants
grant select, insert, update, delete on table "public"."projects" to ablo_runtime;

grant select, insert, update, delete on table "public"."projects" to ablo_owner;

do $ablo$
declare
  v_sequence text;
begin
  for v_sequence in
    select distinct s.id::text
    from pg_catalog.pg_attribute a
    cross join ablo.id_sequence('"public"."projects"'::regclass, a.attname::text) s (id)
    where a.attrelid = '"public"."projects"'::regclass and a.attnum > 0 and not (
      pg_catalog.has_sequence_privilege('ablo_owner', s.id, 'usage')
      and pg_catalog.has_sequence_privilege('ablo_runtime', s.id, 'usage')
    )
  loop
    execute format('grant usage on sequence %s to ablo_owner, ablo_runtime', v_sequence);
  end loop;
end
$ablo$;

-- projects: a row as JSON
create or replace function ablo_model."projects__row"(r "public"."projects")
  returns json
  language sql stable security invoker
as $ablo$
  select pg_catalog.json_build_object(
    'id', r."id"::text,
    'createdAt', r."created_at"::timestamptz,
    'updatedAt', r."updated_at"::timestamptz,
    'organizationId', r."organization_id"::text,
    'createdBy', r."created_by"::text,
    'archivedAt', r."archived_at"::timestamptz,
    'name', r."name"::text,
    'teamId', r."team_id"::text
  )
$ablo$;

alter function ablo_model."projects__row"("public"."projects") owner to ablo_owner;

revoke all on function ablo_model."projects__row"("public"."projects") from public;

grant execute on function ablo_model."projects__row"("public"."projects") to ablo_runtime;

-- projects: reading a row
create or replace function ablo_model."projects__read"(p_id text)
  returns json
  language plpgsql stable security invoker
as $ablo$
#variable_conflict use_variable
declare
  v_organization "public"."projects"."organization_id"%type := nullif(current_setting('app.current_org_id', true), '');
  v_id "public"."projects"."id"%type := p_id;
begin
  return (
    select ablo_model."projects__row"(t.*)
    from "public"."projects" t
    where t."organization_id" = v_organization and t."id" = v_id
  );
end
$ablo$;

alter function ablo_model."projects__read"(text) owner to ablo_owner;

revoke all on function ablo_model."projects__read"(text) from public;

-- projects: groups of its owners
create or replace function ablo_model."projects__above"(p_organization text, p_id text, p_groups text[])
  returns text[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set row_security = on
as $ablo$
#variable_conflict use_variable
declare
  v_before text := coalesce(current_setting('app.current_org_id', true), '');
  v_id "public"."projects"."id"%type := p_id;
  v_organization "public"."projects"."organization_id"%type := p_organization;
  v_1 "public"."projects"."team_id"%type;
begin
  if v_before <> p_organization then  -- the policies bind the owner too
    perform set_config('app.current_org_id', p_organization, true);
  end if;
  select t."team_id" into v_1
  from "public"."projects" t
  where t."organization_id" = v_organization and t."id" = v_id;
  if v_before <> p_organization then
    perform set_config('app.current_org_id', v_before, true);
  end if;
  if v_1 is not null and 'team:' || v_1 <> all (p_groups) then
    p_groups := p_groups || ('team:' || v_1);
  end if;
  return p_groups;
end
$ablo$;

alter function ablo_model."projects__above"(text, text, text[]) owner to ablo_owner;

revoke all on function ablo_model."projects__above"(text, text, text[]) from public;

-- projects: groups of a row
create or replace function ablo_model."projects__groups"(r "public"."projects")
  returns text[]
  language sql stable security invoker
as $ablo$
select array_remove(array[
  'org:' || r."organization_id",
  'project:' || r."id",
  'team:' || r."team_id"
], null)
$ablo$;

alter function ablo_model."projects__groups"("public"."projects") owner to ablo_owner;

revoke all on function ablo_model."projects__groups"("public"."projects") from public;

-- projects: capture
create or replace function ablo_model."projects__capture"()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  set datestyle = 'ISO, MDY'
  set extra_float_digits = 1
as $ablo$
declare
  v_organization text;
  v_id text;
  v_op text;
  v_gone boolean := tg_op = 'DELETE';
  v_made boolean := tg_op = 'INSERT';
  v_groups text[];
  v_left text[];
  v_row json;
  v_changed text[];
  v_done text;
begin
  if tg_op = 'UPDATE' then
    v_made := old."organization_id" is null;
    v_gone := not v_made
      and (new."id" is distinct from old."id" or new."organization_id" is distinct from old."organization_id");
  end if;
  if coalesce(new."organization_id", old."organization_id") is null then
    return null;
  end if;
  loop
    if v_gone then
      v_organization := old."organization_id";
      v_id := old."id";
      v_op := 'D';
      v_groups := array_remove(array[
        'org:' || old."organization_id",
        'project:' || old."id",
        'team:' || old."team_id"
      ], null);
    else
      v_organization := new."organization_id";
      v_id := new."id";
      begin
        v_row := pg_catalog.json_build_object(
        'id', new."id"::text,
        'createdAt', new."created_at"::timestamptz,
        'updatedAt', new."updated_at"::timestamptz,
        'organizationId', new."organization_id"::text,
        'createdBy', new."created_by"::text,
        'archivedAt', new."archived_at"::timestamptz,
        'name', new."name"::text,
        'teamId', new."team_id"::text
      );
        if not v_made then
          v_changed := array_remove(array[
        'updatedAt',
        case when old."created_at" is distinct from new."created_at" then 'createdAt' end,
        case when old."created_by"::text collate "C" is distinct from new."created_by"::text collate "C" then 'createdBy' end,
        case when old."archived_at" is distinct from new."archived_at" then 'archivedAt' end,
        case when old."name"::text collate "C" is distinct from new."name"::text collate "C" then 'name' end,
        case when old."team_id"::text collate "C" is distinct from new."team_id"::text collate "C" then 'teamId' end
      ], null);
        end if;
      exception when undefined_column then
        select d.row_json, d.changed into v_row, v_changed
        from ablo.row_drifted('Project', tg_relid, case when not v_made then to_jsonb(old) end, to_jsonb(new)) d;
      end;
      v_groups := array_remove(array[
        'org:' || new."organization_id",
        'project:' || new."id",
        'team:' || new."team_id"
      ], null);
      if not v_made then
        v_op := case
          when (old."archived_at" is null) = (new."archived_at" is null) then 'U'
          when old."archived_at" is null then 'A'
          else 'V'
        end;
        if old."team_id" is distinct from new."team_id" then
          v_left := array_remove(array[
            'org:' || old."organization_id",
            'project:' || old."id",
            'team:' || old."team_id"
          ], null);
          v_left := nullif(array(select g from unnest(v_left) g where g <> all (v_groups)), '{}');
        end if;
      else
        v_op := 'I';
      end if;
    end if;
    v_done := ablo.order_lock(v_organization);
    insert into ablo.delta (
      sync_id, organization_id, model, row_id, op, groups, "row", changed,
      actor, on_behalf_of, capability_id, claim_id, transaction_id, xid, created_at, left_groups
    )
    values (
      nextval('ablo.sync_id'), v_organization, 'Project', v_id, v_op, v_groups, v_row, v_changed,
      coalesce(nullif(current_setting('ablo.writer', true), ''), 'system:' || session_user),
      nullif(current_setting('ablo.on_behalf_of', true), ''),
      nullif(current_setting('ablo.capability_id', true), ''),
      ablo.claim_of('Project', v_id),
      ablo.transaction_of('Project', v_id),
      pg_current_xact_id(), clock_timestamp(), v_left
    );
    exit when not v_gone or new."organization_id" is null;
    v_gone := false;
    v_made := true;
  end loop;
  return null;
end
$ablo$;

alter function ablo_model."projects__capture"() owner to ablo_owner;

revoke all on function ablo_model."projects__capture"() from public;

-- projects: guard
create or replace function ablo_model."projects__guard"()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
as $ablo$
declare
  v_organization text;
  v_moved boolean := false;
  v_writer text := coalesce(
    nullif(current_setting('app.current_participant_id', true), ''),
    'system:' || session_user
  );
begin
  if tg_op = 'DELETE' then
    v_organization := old."organization_id";
  else
    v_organization := new."organization_id";
  end if;
  if tg_op = 'UPDATE' then
    v_moved := new."id" is distinct from old."id"
      or old."organization_id" is not null and new."organization_id" is distinct from old."organization_id";
    if v_moved then
      perform ablo.row_identity_check(tg_relid, false);
      perform ablo.capture_note(old."organization_id"::text);
    end if;
    if new."updated_at" is not distinct from old."updated_at"
      and current_setting('ablo.keep_updated_at', true) is distinct from 'on'
    then
      new."updated_at" := greatest(
        clock_timestamp(), old."updated_at" + interval '1 millisecond'
      );
    end if;
  end if;
  if v_organization is distinct from current_setting('app.current_org_id', true) then
    perform ablo.capture_note(v_organization);
  end if;
  if v_writer is distinct from current_setting('ablo.writer', true)
    and ablo.writer_note(v_writer) is null
  then
    null;
  end if;
  if tg_op = 'DELETE' then
    return old;
  end if;
  return new;
end
$ablo$;

alter function ablo_model."projects__guard"() owner to ablo_owner;

revoke all on function ablo_model."projects__guard"() from public;

-- projects: writes
create or replace function ablo_model."projects__explain"(p_action text, p_id text, p_data jsonb)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
declare
  v_fields constant jsonb := '{"name":{"required":true,"type":"string"},"teamId":{"required":false,"type":"string"}}';
begin
  return ablo_model.write_check('projects', v_fields, p_action, p_id, p_data);
end
$ablo$;

alter function ablo_model."projects__explain"(text, text, jsonb) owner to ablo_owner;

revoke all on function ablo_model."projects__explain"(text, text, jsonb) from public;

create or replace function ablo_model."projects__write"(p_action text, p_id text, p_data jsonb)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
#variable_conflict use_variable
declare
  v_organization "public"."projects"."organization_id"%type := nullif(current_setting('app.current_org_id', true), '');
  v_id "public"."projects"."id"%type;
  v_now timestamptz := clock_timestamp();
begin
  if pg_typeof(v_id) = 'text'::regtype then
    v_id := p_id;
  else
    begin
      v_id := p_id;
    exception when invalid_text_representation or numeric_value_out_of_range
      or string_data_right_truncation
    then
      perform ablo.raise_error('invalid_id',
        'projects' || ': the id ' || quote_literal(left(p_id, 80)) || ' does not fit its column, which is '
        || pg_typeof(v_id),
        'pass id=, as text: a value of type ' || pg_typeof(v_id),
        jsonb_build_object('model', 'projects', 'field', 'id', 'generated',
          ablo.id_sequence('"public"."projects"'::regclass, 'id') is not null));
    end;
  end if;
  if v_id::text <> p_id then
    perform ablo.raise_error('invalid_id',
      'projects' || ': the id is ' || quote_literal(v_id::text) || ', not ' || quote_literal(left(p_id, 80)),
      'pass the id as it was read',
      jsonb_build_object('model', 'projects', 'field', 'id'));
  end if;
  if p_action = 'update' then
    if (
      jsonb_typeof(p_data) = 'object'
      and pg_column_size(p_data) < 1000000
      and p_data - array['name', 'teamId']::text[] = '{}'
      and (ablo_model.is_string(p_data -> 'name')) is not false
      and (p_data -> 'teamId' = 'null' or ablo_model.is_string(p_data -> 'teamId')) is not false
    ) is not true then
      perform ablo_model."projects__explain"(p_action, p_id, p_data);
    end if;
    update "public"."projects" t set
      "name" = coalesce(p_data ->> 'name', t."name"),
      "team_id" = case when p_data ? 'teamId' then p_data ->> 'teamId' else t."team_id" end,
      "updated_at" = greatest(v_now, t."updated_at" + interval '1 millisecond')
    where t."organization_id" = v_organization and t."id" = v_id;
  elsif p_action = 'create' then
    if (
      v_organization is not null
      and p_id <> ''
      and octet_length(p_id) <= 255
      and jsonb_typeof(p_data) = 'object'
      and pg_column_size(p_data) < 1000000
      and p_data - array['name', 'teamId']::text[] = '{}'
      and ablo_model.is_string(p_data -> 'name')
      and (p_data -> 'teamId' = 'null' or ablo_model.is_string(p_data -> 'teamId')) is not false
    ) is not true then
      perform ablo_model."projects__explain"(p_action, p_id, p_data);
    end if;
    if pg_typeof(v_id) <> 'text'::regtype
      and ablo.base_type(pg_typeof(v_id)) = any ('{int8,int4,int2}'::regtype[])
    then
      perform ablo.id_pass('"public"."projects"'::regclass, 'id', 'projects', v_id::text::bigint);
    end if;
    insert into "public"."projects" (
      "id",
      "organization_id",
      "created_at",
      "updated_at",
      "created_by",
      "name",
      "team_id"
    )
    overriding system value
    values (
      v_id,
      v_organization,
      v_now,
      v_now,
      nullif(current_setting('app.current_participant_id', true), ''),
      p_data ->> 'name',
      p_data ->> 'teamId'
    );
  elsif p_action = 'delete' then
    delete from "public"."projects" t
    where t."organization_id" = v_organization and t."id" = v_id;
  elsif p_action = 'archive' then
    update "public"."projects" t set
      "archived_at" = coalesce(t."archived_at", v_now),
      "updated_at" = greatest(v_now, t."updated_at" + interval '1 millisecond')
    where t."organization_id" = v_organization and t."id" = v_id;
  elsif p_action = 'unarchive' then
    update "public"."projects" t set
      "archived_at" = null,
      "updated_at" = greatest(v_now, t."updated_at" + interval '1 millisecond')
    where t."organization_id" = v_organization and t."id" = v_id;
  else
    perform ablo.raise_error('commit_operation_unsupported',
      'projects: there is no action ' || quote_nullable(left(p_action, 40)),
      'use create, update, delete, archive or unarchive');
  end if;
  if found then
    return true;
  end if;
  return ablo.write_suppressed('"public"."projects"'::regclass, 'projects', p_action, p_id,
    (select t."updated_at" from "public"."projects" t
     where t."organization_id" = v_organization and t."id" = v_id), v_now);
end
$ablo$;

alter function ablo_model."projects__write"(text, text, jsonb) owner to ablo_owner;

revoke all on function ablo_model."projects__write"(text, text, jsonb) from public;

select ablo.table_path_set('"public"."projects"'::regclass, 'ablo_model."projects__write"(text,text,jsonb)'::regprocedure);

create or replace function ablo_model."projects__lock"(p_id text)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
#variable_conflict use_variable
declare
  v_organization "public"."projects"."organization_id"%type := nullif(current_setting('app.current_org_id', true), '');
  v_id "public"."projects"."id"%type;
begin
  if pg_typeof(v_id) = 'text'::regtype then
    v_id := p_id;
  else
    begin
      v_id := p_id;
    exception when invalid_text_representation or numeric_value_out_of_range
      or string_data_right_truncation
    then
      perform ablo.raise_error('invalid_id',
        'projects' || ': the id ' || quote_literal(left(p_id, 80)) || ' does not fit its column, which is '
        || pg_typeof(v_id),
        'pass id=, as text: a value of type ' || pg_typeof(v_id),
        jsonb_build_object('model', 'projects', 'field', 'id', 'generated',
          ablo.id_sequence('"public"."projects"'::regclass, 'id') is not null));
    end;
  end if;
  if v_id::text <> p_id then
    perform ablo.raise_error('invalid_id',
      'projects' || ': the id is ' || quote_literal(v_id::text) || ', not ' || quote_literal(left(p_id, 80)),
      'pass the id as it was read',
      jsonb_build_object('model', 'projects', 'field', 'id'));
  end if;
  perform from "public"."projects" t
  where t."organization_id" = v_organization and t."id" = v_id
  for no key update;
  return found;
end
$ablo$;

alter function ablo_model."projects__lock"(text) owner to ablo_owner;

revoke all on function ablo_model."projects__lock"(text) from public;

-- projects: writes of many rows
create or replace function ablo_model."projects__many"(p_action text, p_organization text, p_now timestamptz, p_ords int[], p_ids text[], p_items jsonb[], p_participants text[])
  returns table (ord int, op text, row_id text, groups text[], left_groups text[], "row" json, changed text[])
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $ablo$
#variable_conflict use_variable
begin
  if current_user <> 'ablo_writer' then  -- its changes would be captured too
    return;
  elsif p_action = 'update' then
    return query with o as (
      select b.ord as ablo_ord, b.data as ablo_data, t.ctid as ablo_ctid, t.*
      from unnest(p_ords, p_ids, p_items) b (ord, id, data)
      join "public"."projects" t on t."organization_id" = p_organization and t."id" = b.id
      where jsonb_typeof(b.data) = 'object'
        and pg_column_size(b.data) < 1000000
        and b.data - array['name', 'teamId']::text[] = '{}'
        and (ablo_model.is_string(b.data -> 'name')) is not false
        and (b.data -> 'teamId' = 'null' or ablo_model.is_string(b.data -> 'teamId')) is not false
      for no key update of t skip locked
    )
    update "public"."projects" t set
      "name" = coalesce(o.ablo_data ->> 'name', t."name"),
      "team_id" = case when o.ablo_data ? 'teamId' then o.ablo_data ->> 'teamId' else t."team_id" end,
      "updated_at" = greatest(p_now, t."updated_at" + interval '1 millisecond')
    from o where t.ctid = o.ablo_ctid
    returning o.ablo_ord,
      case
        when (o."archived_at" is null) = (t."archived_at" is null) then 'U'
        when o."archived_at" is null then 'A'
        else 'V'
      end,
      t."id",
      array_remove(array[
        'org:' || t."organization_id",
        'project:' || t."id",
        'team:' || t."team_id"
      ], null),
      case when o."team_id" is distinct from t."team_id" then nullif(array(
        select g from unnest(array_remove(array[
        'org:' || o."organization_id",
        'project:' || o."id",
        'team:' || o."team_id"
      ], null)) g
        where g <> all (array_remove(array[
        'org:' || t."organization_id",
        'project:' || t."id",
        'team:' || t."team_id"
      ], null))
      ), '{}') end,
      pg_catalog.json_build_object(
        'id', t."id"::text,
        'createdAt', t."created_at"::timestamptz,
        'updatedAt', t."updated_at"::timestamptz,
        'organizationId', t."organization_id"::text,
        'createdBy', t."created_by"::text,
        'archivedAt', t."archived_at"::timestamptz,
        'name', t."name"::text,
        'teamId', t."team_id"::text
      ),
      array_remove(array[
        'updatedAt',
        case when o."created_at" is distinct from t."created_at" then 'createdAt' end,
        case when o."created_by"::text collate "C" is distinct from t."created_by"::text collate "C" then 'createdBy' end,
        case when o."archived_at" is distinct from t."archived_at" then 'archivedAt' end,
        case when o."name"::text collate "C" is distinct from t."name"::text collate "C" then 'name' end,
        case when o."team_id"::text collate "C" is distinct from t."team_id"::text collate "C" then 'teamId' end
      ], null);
  elsif p_action = 'create' then
    return query with i as (
      insert into "public"."projects" as t (
        "id",
        "organization_id",
        "created_at",
        "updated_at",
        "created_by",
        "name",
        "team_id"
      )
      select
        b.id,
        p_organization,
        p_now,
        p_now,
        b.participant,
        b.data ->> 'name',
        b.data ->> 'teamId'
      from unnest(p_ids, p_items, p_participants) b (id, data, participant)
      where b.id <> ''
        and octet_length(b.id) <= 255
        and jsonb_typeof(b.data) = 'object'
        and pg_column_size(b.data) < 1000000
        and b.data - array['name', 'teamId']::text[] = '{}'
        and ablo_model.is_string(b.data -> 'name')
        and (b.data -> 'teamId' = 'null' or ablo_model.is_string(b.data -> 'teamId')) is not false
      on conflict do nothing
      returning t.*
    )
    select b.ord, 'I', t."id",
      array_remove(array[
        'org:' || t."organization_id",
        'project:' || t."id",
        'team:' || t."team_id"
      ], null),
      null::text[],
      pg_catalog.json_build_object(
        'id', t."id"::text,
        'createdAt', t."created_at"::timestamptz,
        'updatedAt', t."updated_at"::timestamptz,
        'organizationId', t."organization_id"::text,
        'createdBy', t."created_by"::text,
        'archivedAt', t."archived_at"::timestamptz,
        'name', t."name"::text,
        'teamId', t."team_id"::text
      ),
      null::text[]
    from i t join unnest(p_ords, p_ids) b (ord, id) on b.id = t."id";
  elsif p_action = 'delete' then
    return query with o as (
      select b.ord as ablo_ord, b.data as ablo_data, t.ctid as ablo_ctid, t.*
      from unnest(p_ords, p_ids, p_items) b (ord, id, data)
      join "public"."projects" t on t."organization_id" = p_organization and t."id" = b.id
      for update of t skip locked
    )
    delete from "public"."projects" t using o where t.ctid = o.ablo_ctid
    returning o.ablo_ord, 'D', t."id", array_remove(array[
      'org:' || t."organization_id",
      'project:' || t."id",
      'team:' || t."team_id"
    ], null),
      null::text[], null::json, null::text[];
  elsif p_action = 'archive' then
    return query with o as (
      select b.ord as ablo_ord, b.data as ablo_data, t.ctid as ablo_ctid, t.*
      from unnest(p_ords, p_ids, p_items) b (ord, id, data)
      join "public"."projects" t on t."organization_id" = p_organization and t."id" = b.id
      for no key update of t skip locked
    )
    update "public"."projects" t set
      "archived_at" = coalesce(t."archived_at", p_now),
      "updated_at" = greatest(p_now, t."updated_at" + interval '1 millisecond')
    from o where t.ctid = o.ablo_ctid
    returning o.ablo_ord,
      case
        when (o."archived_at" is null) = (t."archived_at" is null) then 'U'
        when o."archived_at" is null then 'A'
        else 'V'
      end,
      t."id",
      array_remove(array[
        'org:' || t."organization_id",
        'project:' || t."id",
        'team:' || t."team_id"
      ], null),
      case when o."team_id" is distinct from t."team_id" then nullif(array(
        select g from unnest(array_remove(array[
        'org:' || o."organization_id",
        'project:' || o."id",
        'team:' || o."team_id"
      ], null)) g
        where g <> all (array_remove(array[
        'org:' || t."organization_id",
        'project:' || t."id",
        'team:' || t."team_id"
      ], null))
      ), '{}') end,
      pg_catalog.json_build_object(
        'id', t."id"::text,
        'createdAt', t."created_at"::timestamptz,
        'updatedAt', t."updated_at"::timestamptz,
        'organizationId', t."organization_id"::text,
        'createdBy', t."created_by"::text,
        'archivedAt', t."archived_at"::timestamptz,
        'name', t."name"::text,
        'teamId', t."team_id"::text
      ),
      array_remove(array[
        'updatedAt',
        case when o."created_at" is distinct from t."created_at" then 'createdAt' end,
        case when o."created_by"::text collate "C" is distinct from t."created_by"::text collate "C" then 'createdBy' end,
        case when o."archived_at" is distinct from t."archived_at" then 'archivedAt' end,
        case when o."name"::text collate "C" is distinct from t."name"::text collate "C" then 'name' end,
        case when o."team_id"::text collate "C" is distinct from t."team_id"::text collate "C" then 'teamId' end
      ], null);
  elsif p_action = 'unarchive' then
    return query with o as (
      select b.ord as ablo_ord, b.data as ablo_data, t.ctid as ablo_ctid, t.*
      from unnest(p_ords, p_ids, p_items) b (ord, id, data)
      join "public"."projects" t on t."organization_id" = p_organization and t."id" = b.id
      for no key update of t skip locked
    )
    update "public"."projects" t set
      "archived_at" = null,
      "updated_at" = greatest(p_now, t."updated_at" + interval '1 millisecond')
    from o where t.ctid = o.ablo_ctid
    returning o.ablo_ord,
      case
        when (o."archived_at" is null) = (t."archived_at" is null) then 'U'
        when o."archived_at" is null then 'A'
        else 'V'
      end,
      t."id",
      array_remove(array[
        'org:' || t."organization_id",
        'project:' || t."id",
        'team:' || t."team_id"
      ], null),
      case when o."team_id" is distinct from t."team_id" then nullif(array(
        select g from unnest(array_remove(array[
        'org:' || o."organization_id",
        'project:' || o."id",
        'team:' || o."team_id"
      ], null)) g
        where g <> all (array_remove(array[
        'org:' || t."organization_id",
        'project:' || t."id",
        'team:' || t."team_id"
      ], null))
      ), '{}') end,
      pg_catalog.json_build_object(
        'id', t."id"::text,
        'createdAt', t."created_at"::timestamptz,
        'updatedAt', t."updated_at"::timestamptz,
        'organizationId', t."organization_id"::text,
        'createdBy', t."created_by"::text,
        'archivedAt', t."archived_at"::timestamptz,
        'name', t."name"::text,
        'teamId', t."team_id"::text
      ),
      array_remove(array[
        'updatedAt',
        case when o."created_at" is distinct from t."created_at" then 'createdAt' end,
        case when o."created_by"::text collate "C" is distinct from t."created_by"::text collate "C" then 'createdBy' end,
        case when o."archived_at" is distinct from t."archived_at" then 'archivedAt' end,
        case when o."name"::text collate "C" is distinct from t."name"::text collate "C" then 'name' end,
        case when o."team_id"::text collate "C" is distinct from t."team_id"::text collate "C" then 'teamId' end
      ], null);
  end if;
end
$ablo$;

alter function ablo_model."projects__many"(text, text, timestamptz, int[], text[], jsonb[], text[]) owner to ablo_owner;

revoke all on function ablo_model."projects__many"(text, text, timestamptz, int[], text[], jsonb[], text[]) from public;

do $ablo$
begin
  if exists (select from pg_catalog.pg_roles where rolname = 'ablo_writer') then
    alter function ablo_model."projects__many"(text, text, timestamptz, int[], text[], jsonb[], text[]) owner to ablo_writer;
    grant select, insert, update, delete on table "public"."projects" to ablo_writer;
  end if;
end
$ablo$;

-- projects: triggers
do $ablo$
begin
  if (
    select count(*) from pg_catalog.pg_trigger t
    where t.tgrelid = '"public"."projects"'::regclass and t.tgenabled = 'A'
      and t.tgname = any (array['zz_ablo_capture', 'zz_ablo_guard', 'zz_ablo_truncate']::text[])
      and pg_catalog.obj_description(t.oid, 'pg_trigger') = 'ablo_pg ed5f9567'
  ) <> 3 then
    drop trigger if exists zz_ablo_capture on "public"."projects";
    create constraint trigger zz_ablo_capture
      after insert or update or delete on "public"."projects"
      deferrable initially deferred for each row when (current_user <> 'ablo_writer')
      execute function ablo_model."projects__capture"();
    alter table "public"."projects" enable always trigger zz_ablo_capture;
    comment on trigger zz_ablo_capture on "public"."projects" is 'ablo_pg ed5f9567';
    drop trigger if exists zz_ablo_guard on "public"."projects";
    create trigger zz_ablo_guard
      before insert or update or delete on "public"."projects" for each row when (current_user <> 'ablo_writer')
      execute function ablo_model."projects__guard"();
    alter table "public"."projects" enable always trigger zz_ablo_guard;
    comment on trigger zz_ablo_guard on "public"."projects" is 'ablo_pg ed5f9567';
    drop trigger if exists zz_ablo_truncate on "public"."projects";
    create trigger zz_ablo_truncate before truncate on "public"."projects"
      for each statement execute function ablo.truncate_refuse();
    alter table "public"."projects" enable always trigger zz_ablo_truncate;
    comment on trigger zz_ablo_truncate on "public"."projects" is 'ablo_pg ed5f9567';
  end if;
end
$ablo$;

-- ======== model tasks (public.tasks) ========

-- tasks: types of its columns
do $ablo$
declare
  v_column record;
begin
  for v_column in
    select w.wire, a.attname, pg_catalog.format_type(a.atttypid, null) as has, w.types
    from (
      values
        ('title', 'title', array['text', 'varchar', 'bpchar', 'citext']::text[]),
        ('status', 'status', array['text', 'varchar', 'bpchar', 'citext']::text[]),
        ('priority', 'priority', array['text', 'varchar', 'bpchar', 'citext']::text[]),
        ('project_id', 'projectId', array['text', 'varchar', 'bpchar', 'citext']::text[]),
        ('assignee', 'assignee', array['text', 'varchar', 'bpchar', 'citext']::text[]),
        ('watchers', 'watchers', array['jsonb']::text[]),
        ('count', 'count', array['int8', 'int4', 'int2']::text[]),
        ('ratio', 'ratio', array['float8', 'float4']::text[]),
        ('price', 'price', array['numeric']::text[]),
        ('done', 'done', array['bool']::text[]),
        ('starts_at', 'startsAt', array['timestamptz', 'timestamp']::text[]),
        ('due_on', 'dueOn', array['date']::text[]),
        ('ref', 'ref', array['uuid']::text[]),
        ('meta', 'meta', array['jsonb']::text[])
    ) w (name, wire, types)
    join pg_catalog.pg_attribute a on a.attname = w.name
    join pg_catalog.pg_type t on t.oid = ablo.base_type(a.atttypid)
    where a.attrelid = '"public"."tasks"'::regclass and not a.attisdropped and t.typname <> all (w.types)
  loop
    raise exception using
      errcode = 'AB040',
      message = pg_catalog.format('tasks.%s: the column %s.%I is of type %s, not %s',
        v_column.wire, 'public.tasks', v_column.attname, v_column.has, v_column.types[1]),
      hint = 'convert the column (alter table ... alter column ... type ...), or correct the field',
      detail = pg_catalog.json_build_object(
        'code', 'incompatible_change', 'model', 'tasks', 'field', v_column.wire)::text;
  end loop;
end
$ablo$;

-- tasks: required fields
do $ablo$
begin
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"public"."tasks"'::regclass and c.relowner = 'ablo_owner'::regrole
  ) then
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."tasks"'::regclass and a.attname = 'organization_id'
        and not a.attnotnull
    ) then
      begin
        alter table "public"."tasks" alter column "organization_id" set not null;
      exception when not_null_violation then
        raise warning '%.% still holds nulls: backfill it, then run this again',
          '"public"."tasks"', 'organization_id';
      end;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."tasks"'::regclass and a.attname = 'title'
        and not a.attnotnull
    ) then
      begin
        alter table "public"."tasks" alter column "title" set not null;
      exception when not_null_violation then
        raise warning '%.% still holds nulls: backfill it, then run this again',
          '"public"."tasks"', 'title';
      end;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."tasks"'::regclass and a.attname = 'status'
        and not a.attnotnull
    ) then
      begin
        alter table "public"."tasks" alter column "status" set not null;
      exception when not_null_violation then
        raise warning '%.% still holds nulls: backfill it, then run this again',
          '"public"."tasks"', 'status';
      end;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."tasks"'::regclass and a.attname = 'priority'
        and not a.attnotnull
    ) then
      begin
        alter table "public"."tasks" alter column "priority" set not null;
      exception when not_null_violation then
        raise warning '%.% still holds nulls: backfill it, then run this again',
          '"public"."tasks"', 'priority';
      end;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."tasks"'::regclass and a.attname = 'project_id'
        and a.attnotnull
    ) then
      alter table "public"."tasks" alter column "project_id" drop not null;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."tasks"'::regclass and a.attname = 'assignee'
        and a.attnotnull
    ) then
      alter table "public"."tasks" alter column "assignee" drop not null;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."tasks"'::regclass and a.attname = 'watchers'
        and a.attnotnull
    ) then
      alter table "public"."tasks" alter column "watchers" drop not null;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."tasks"'::regclass and a.attname = 'count'
        and a.attnotnull
    ) then
      alter table "public"."tasks" alter column "count" drop not null;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."tasks"'::regclass and a.attname = 'ratio'
        and a.attnotnull
    ) then
      alter table "public"."tasks" alter column "ratio" drop not null;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."tasks"'::regclass and a.attname = 'price'
        and a.attnotnull
    ) then
      alter table "public"."tasks" alter column "price" drop not null;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."tasks"'::regclass and a.attname = 'done'
        and not a.attnotnull
    ) then
      begin
        alter table "public"."tasks" alter column "done" set not null;
      exception when not_null_violation then
        raise warning '%.% still holds nulls: backfill it, then run this again',
          '"public"."tasks"', 'done';
      end;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."tasks"'::regclass and a.attname = 'starts_at'
        and a.attnotnull
    ) then
      alter table "public"."tasks" alter column "starts_at" drop not null;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."tasks"'::regclass and a.attname = 'due_on'
        and a.attnotnull
    ) then
      alter table "public"."tasks" alter column "due_on" drop not null;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."tasks"'::regclass and a.attname = 'ref'
        and a.attnotnull
    ) then
      alter table "public"."tasks" alter column "ref" drop not null;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."tasks"'::regclass and a.attname = 'meta'
        and not a.attnotnull
    ) then
      begin
        alter table "public"."tasks" alter column "meta" set not null;
      exception when not_null_violation then
        raise warning '%.% still holds nulls: backfill it, then run this again',
          '"public"."tasks"', 'meta';
      end;
    end if;
  end if;
end
$ablo$;

-- tasks: checks
do $ablo$
begin
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"public"."tasks"'::regclass and c.relowner = 'ablo_owner'::regrole
  ) then
    if not exists (
      select from pg_catalog.pg_constraint c
      where c.conrelid = '"public"."tasks"'::regclass and c.conname = 'tasks_status_enum'
        and pg_catalog.obj_description(c.oid, 'pg_constraint') = 'ablo_pg 64a51ac9'
    ) then
      alter table "public"."tasks"
        drop constraint if exists "tasks_status_enum",
        add constraint "tasks_status_enum" check ("status" = any (e'{"todo","in progress","it''s done","\\"quoted\\\\"}'));
      comment on constraint "tasks_status_enum" on "public"."tasks" is 'ablo_pg 64a51ac9';
    end if;
    if not exists (
      select from pg_catalog.pg_constraint c
      where c.conrelid = '"public"."tasks"'::regclass and c.conname = 'tasks_priority_enum'
        and pg_catalog.obj_description(c.oid, 'pg_constraint') = 'ablo_pg 6d525f45'
    ) then
      alter table "public"."tasks"
        drop constraint if exists "tasks_priority_enum",
        add constraint "tasks_priority_enum" check ("priority" = any ('{"low","high"}'));
      comment on constraint "tasks_priority_enum" on "public"."tasks" is 'ablo_pg 6d525f45';
    end if;
    if not exists (
      select from pg_catalog.pg_constraint c
      where c.conrelid = '"public"."tasks"'::regclass and c.conname = 'tasks_ratio_finite'
        and pg_catalog.obj_description(c.oid, 'pg_constraint') = 'ablo_pg 1ce79adc'
    ) then
      alter table "public"."tasks"
        drop constraint if exists "tasks_ratio_finite",
        add constraint "tasks_ratio_finite" check (abs("ratio") < 'Infinity');
      comment on constraint "tasks_ratio_finite" on "public"."tasks" is 'ablo_pg 1ce79adc';
    end if;
    if not exists (
      select from pg_catalog.pg_constraint c
      where c.conrelid = '"public"."tasks"'::regclass and c.conname = 'tasks_price_finite'
        and pg_catalog.obj_description(c.oid, 'pg_constraint') = 'ablo_pg a5b5c50f'
    ) then
      alter table "public"."tasks"
        drop constraint if exists "tasks_price_finite",
        add constraint "tasks_price_finite" check (abs("price") < 'Infinity');
      comment on constraint "tasks_price_finite" on "public"."tasks" is 'ablo_pg a5b5c50f';
    end if;
    if not exists (
      select from pg_catalog.pg_constraint c
      where c.conrelid = '"public"."tasks"'::regclass and c.conname = 'tasks_starts_at_finite'
        and pg_catalog.obj_description(c.oid, 'pg_constraint') = 'ablo_pg a949107b'
    ) then
      alter table "public"."tasks"
        drop constraint if exists "tasks_starts_at_finite",
        add constraint "tasks_starts_at_finite" check (isfinite("starts_at"));
      comment on constraint "tasks_starts_at_finite" on "public"."tasks" is 'ablo_pg a949107b';
    end if;
    if not exists (
      select from pg_catalog.pg_constraint c
      where c.conrelid = '"public"."tasks"'::regclass and c.conname = 'tasks_due_on_finite'
        and pg_catalog.obj_description(c.oid, 'pg_constraint') = 'ablo_pg b0edcbda'
    ) then
      alter table "public"."tasks"
        drop constraint if exists "tasks_due_on_finite",
        add constraint "tasks_due_on_finite" check (isfinite("due_on"));
      comment on constraint "tasks_due_on_finite" on "public"."tasks" is 'ablo_pg b0edcbda';
    end if;
  end if;
end
$ablo$;

-- tasks: indexes
do $ablo$
begin
  if not exists (
    select from pg_catalog.pg_index i
    join pg_catalog.pg_class c on c.oid = i.indexrelid
    where i.indrelid = '"public"."tasks"'::regclass and c.relname = 'tasks_project_id_idx'
  ) then
    create index "tasks_project_id_idx" on "public"."tasks" ("organization_id", "project_id");
  end if;
  if not exists (
    select from pg_catalog.pg_index i
    join pg_catalog.pg_class c on c.oid = i.indexrelid
    where i.indrelid = '"public"."tasks"'::regclass and c.relname = 'tasks_due_on_idx'
  ) then
    create index "tasks_due_on_idx" on "public"."tasks" ("organization_id", "due_on");
  end if;
end
$ablo$;

-- tasks: row-level security
do $ablo$
begin
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"public"."tasks"'::regclass and c.relowner = 'ablo_owner'::regrole
  ) then
    if exists (
      select from pg_catalog.pg_class c
      where c.oid = '"public"."tasks"'::regclass and not (c.relrowsecurity and c.relforcerowsecurity)
    ) then
      alter table "public"."tasks" enable row level security;
      alter table "public"."tasks" force row level security;
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."tasks"'::regclass and p.polname = 'tasks_tenant_isolation'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg 64b6fada'
    ) then
      drop policy if exists "tasks_tenant_isolation" on "public"."tasks";
      create policy "tasks_tenant_isolation" on "public"."tasks" for all
        using ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')))
        with check ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')));
      comment on policy "tasks_tenant_isolation" on "public"."tasks" is 'ablo_pg 64b6fada';
    end if;
  else
    if exists (
      select from pg_catalog.pg_class c
      where c.oid = '"public"."tasks"'::regclass and not c.relrowsecurity
    ) or exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."tasks"'::regclass
        and p.polname = 'tasks_tenant_isolation'
        and p.polroles = '{0}'
        and pg_catalog.obj_description(p.oid, 'pg_policy') like 'ablo\_pg %'
    ) then
      if not exists (
        select from pg_catalog.pg_policy p
        where p.polrelid = '"public"."tasks"'::regclass and p.polname = 'tasks_all_rows'
          and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg c575bfb3'
      ) then
        drop policy if exists "tasks_all_rows" on "public"."tasks";
        create policy "tasks_all_rows" on "public"."tasks" for all
          to public
          using (true)
          with check (true);
        comment on policy "tasks_all_rows" on "public"."tasks" is 'ablo_pg c575bfb3';
      end if;
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."tasks"'::regclass and p.polname = 'tasks_ablo_rows'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg a99098dd'
    ) then
      drop policy if exists "tasks_ablo_rows" on "public"."tasks";
      create policy "tasks_ablo_rows" on "public"."tasks" for all
        to ablo_runtime, ablo_owner
        using (true)
        with check (true);
      comment on policy "tasks_ablo_rows" on "public"."tasks" is 'ablo_pg a99098dd';
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."tasks"'::regclass and p.polname = 'tasks_tenant_isolation'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg 61f27e58'
    ) then
      drop policy if exists "tasks_tenant_isolation" on "public"."tasks";
      create policy "tasks_tenant_isolation" on "public"."tasks" as restrictive for all
        to ablo_runtime
        using ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')))
        with check ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')));
      comment on policy "tasks_tenant_isolation" on "public"."tasks" is 'ablo_pg 61f27e58';
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."tasks"'::regclass and p.polname = 'tasks_kernel_tenant_isolation'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg e8fbda28'
    ) then
      drop policy if exists "tasks_kernel_tenant_isolation" on "public"."tasks";
      create policy "tasks_kernel_tenant_isolation" on "public"."tasks" as restrictive for all
        to ablo_owner
        using ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), ''))
          or (select not (pg_has_role(session_user, 'ablo_runtime', 'member') and not pg_has_role(session_user, 'ablo_owner', 'member'))))
        with check ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), ''))
          or (select not (pg_has_role(session_user, 'ablo_runtime', 'member') and not pg_has_role(session_user, 'ablo_owner', 'member'))));
      comment on policy "tasks_kernel_tenant_isolation" on "public"."tasks" is 'ablo_pg e8fbda28';
    end if;
    if exists (
      select from pg_catalog.pg_class c
      where c.oid = '"public"."tasks"'::regclass and not c.relrowsecurity
    ) then
      alter table "public"."tasks" enable row level security;
    end if;
  end if;
end
$ablo$;

-- tasks: grants
grant select, insert, update, delete on table "public"."tasks" to ablo_runtime;

grant select, insert, update, delete on table "public"."tasks" to ablo_owner;

do $ablo$
declare
  v_sequence text;
begin
  for v_sequence in
    select distinct s.id::text
    from pg_catalog.pg_attribute a
    cross join ablo.id_sequence('"public"."tasks"'::regclass, a.attname::text) s (id)
    where a.attrelid = '"public"."tasks"'::regclass and a.attnum > 0 and not (
      pg_catalog.has_sequence_privilege('ablo_owner', s.id, 'usage')
      and pg_catalog.has_sequence_privilege('ablo_runtime', s.id, 'usage')
    )
  loop
    execute format('grant usage on sequence %s to ablo_owner, ablo_runtime', v_sequence);
  end loop;
end
$ablo$;

-- tasks: a row as JSON
create or replace function ablo_model."tasks__row"(r "public"."tasks")
  returns json
  language sql stable security invoker
as $ablo$
  select pg_catalog.json_build_object(
    'id', r."id"::text,
    'createdAt', r."created_at"::timestamptz,
    'updatedAt', r."updated_at"::timestamptz,
    'organizationId', r."organization_id"::text,
    'createdBy', r."created_by"::text,
    'archivedAt', r."archived_at"::timestamptz,
    'title', r."title"::text,
    'status', r."status"::text,
    'priority', r."priority"::text,
    'projectId', r."project_id"::text,
    'assignee', r."assignee"::text,
    'watchers', r."watchers",
    'count', r."count",
    'ratio', r."ratio",
    'price', r."price"::text,
    'done', r."done",
    'startsAt', r."starts_at"::timestamptz,
    'dueOn', r."due_on",
    'ref', r."ref",
    'meta', r."meta"
  )
$ablo$;

alter function ablo_model."tasks__row"("public"."tasks") owner to ablo_owner;

revoke all on function ablo_model."tasks__row"("public"."tasks") from public;

grant execute on function ablo_model."tasks__row"("public"."tasks") to ablo_runtime;

-- tasks: reading a row
create or replace function ablo_model."tasks__read"(p_id text)
  returns json
  language plpgsql stable security invoker
as $ablo$
#variable_conflict use_variable
declare
  v_organization "public"."tasks"."organization_id"%type := nullif(current_setting('app.current_org_id', true), '');
  v_id "public"."tasks"."id"%type := p_id;
begin
  return (
    select ablo_model."tasks__row"(t.*)
    from "public"."tasks" t
    where t."organization_id" = v_organization and t."id" = v_id
  );
end
$ablo$;

alter function ablo_model."tasks__read"(text) owner to ablo_owner;

revoke all on function ablo_model."tasks__read"(text) from public;

-- tasks: groups of its owners
create or replace function ablo_model."tasks__above"(p_organization text, p_id text, p_groups text[])
  returns text[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set row_security = on
as $ablo$
#variable_conflict use_variable
declare
  v_before text := coalesce(current_setting('app.current_org_id', true), '');
  v_id "public"."tasks"."id"%type := p_id;
  v_organization "public"."tasks"."organization_id"%type := p_organization;
  v_1 "public"."tasks"."project_id"%type;
begin
  if v_before <> p_organization then  -- the policies bind the owner too
    perform set_config('app.current_org_id', p_organization, true);
  end if;
  select t."project_id" into v_1
  from "public"."tasks" t
  where t."organization_id" = v_organization and t."id" = v_id;
  if v_before <> p_organization then
    perform set_config('app.current_org_id', v_before, true);
  end if;
  if v_1 is not null and 'project:' || v_1 <> all (p_groups) then
    p_groups := p_groups || ('project:' || v_1);
    p_groups := ablo_model."projects__above"(p_organization, v_1::text, p_groups);
  end if;
  return p_groups;
end
$ablo$;

alter function ablo_model."tasks__above"(text, text, text[]) owner to ablo_owner;

revoke all on function ablo_model."tasks__above"(text, text, text[]) from public;

-- tasks: groups of a row
create or replace function ablo_model."tasks__groups"(r "public"."tasks")
  returns text[]
  language plpgsql stable security invoker
as $ablo$
declare
  v_groups text[];
begin
  v_groups := array_remove(array[
    'org:' || r."organization_id",
    'work:' || r."id",
    'project:' || r."project_id",
    'user:' || r."assignee"
  ], null)
  || case when r."watchers" is not null then ablo_model.role_groups('watcher', to_jsonb(r."watchers")) end;
  if r."project_id" is not null then
    v_groups := ablo_model."projects__above"(r."organization_id"::text, r."project_id"::text, v_groups);
  end if;
  return v_groups;
end
$ablo$;

alter function ablo_model."tasks__groups"("public"."tasks") owner to ablo_owner;

revoke all on function ablo_model."tasks__groups"("public"."tasks") from public;

-- tasks: capture
create or replace function ablo_model."tasks__capture"()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  set datestyle = 'ISO, MDY'
  set extra_float_digits = 1
as $ablo$
declare
  v_organization text;
  v_id text;
  v_op text;
  v_gone boolean := tg_op = 'DELETE';
  v_made boolean := tg_op = 'INSERT';
  v_groups text[];
  v_left text[];
  v_row json;
  v_changed text[];
  v_done text;
begin
  if tg_op = 'UPDATE' then
    v_made := old."organization_id" is null;
    v_gone := not v_made
      and (new."id" is distinct from old."id" or new."organization_id" is distinct from old."organization_id");
  end if;
  if coalesce(new."organization_id", old."organization_id") is null then
    return null;
  end if;
  loop
    if v_gone then
      v_organization := old."organization_id";
      v_id := old."id";
      v_op := 'D';
      v_groups := array_remove(array[
        'org:' || old."organization_id",
        'work:' || old."id",
        'project:' || old."project_id",
        'user:' || old."assignee"
      ], null)
      || case when old."watchers" is not null then ablo_model.role_groups('watcher', to_jsonb(old."watchers")) end;
      if old."project_id" is not null then
        v_groups := ablo_model."projects__above"(old."organization_id"::text, old."project_id"::text, v_groups);
      end if;
      v_groups := array(
        select distinct g from unnest(v_groups || ablo.row_groups(v_organization, 'Task', v_id)) g order by g
      );
    else
      v_organization := new."organization_id";
      v_id := new."id";
      begin
        v_row := pg_catalog.json_build_object(
        'id', new."id"::text,
        'createdAt', new."created_at"::timestamptz,
        'updatedAt', new."updated_at"::timestamptz,
        'organizationId', new."organization_id"::text,
        'createdBy', new."created_by"::text,
        'archivedAt', new."archived_at"::timestamptz,
        'title', new."title"::text,
        'status', new."status"::text,
        'priority', new."priority"::text,
        'projectId', new."project_id"::text,
        'assignee', new."assignee"::text,
        'watchers', new."watchers",
        'count', new."count",
        'ratio', new."ratio",
        'price', new."price"::text,
        'done', new."done",
        'startsAt', new."starts_at"::timestamptz,
        'dueOn', new."due_on",
        'ref', new."ref",
        'meta', new."meta"
      );
        if not v_made then
          v_changed := array_remove(array[
        'updatedAt',
        case when old."created_at" is distinct from new."created_at" then 'createdAt' end,
        case when old."created_by"::text collate "C" is distinct from new."created_by"::text collate "C" then 'createdBy' end,
        case when old."archived_at" is distinct from new."archived_at" then 'archivedAt' end,
        case when old."title"::text collate "C" is distinct from new."title"::text collate "C" then 'title' end,
        case when old."status"::text collate "C" is distinct from new."status"::text collate "C" then 'status' end,
        case when old."priority"::text collate "C" is distinct from new."priority"::text collate "C" then 'priority' end,
        case when old."project_id"::text collate "C" is distinct from new."project_id"::text collate "C" then 'projectId' end,
        case when old."assignee"::text collate "C" is distinct from new."assignee"::text collate "C" then 'assignee' end,
        case when old."watchers" is distinct from new."watchers" then 'watchers' end,
        case when old."count" is distinct from new."count" then 'count' end,
        case when old."ratio" is distinct from new."ratio" then 'ratio' end,
        case when old."price" is distinct from new."price" then 'price' end,
        case when old."done" is distinct from new."done" then 'done' end,
        case when old."starts_at" is distinct from new."starts_at" then 'startsAt' end,
        case when old."due_on" is distinct from new."due_on" then 'dueOn' end,
        case when old."ref" is distinct from new."ref" then 'ref' end,
        case when old."meta" is distinct from new."meta" then 'meta' end
      ], null);
        end if;
      exception when undefined_column then
        select d.row_json, d.changed into v_row, v_changed
        from ablo.row_drifted('Task', tg_relid, case when not v_made then to_jsonb(old) end, to_jsonb(new)) d;
      end;
      v_groups := array_remove(array[
        'org:' || new."organization_id",
        'work:' || new."id",
        'project:' || new."project_id",
        'user:' || new."assignee"
      ], null)
      || case when new."watchers" is not null then ablo_model.role_groups('watcher', to_jsonb(new."watchers")) end;
      if new."project_id" is not null then
        v_groups := ablo_model."projects__above"(new."organization_id"::text, new."project_id"::text, v_groups);
      end if;
      if not v_made then
        v_op := case
          when (old."archived_at" is null) = (new."archived_at" is null) then 'U'
          when old."archived_at" is null then 'A'
          else 'V'
        end;
        if old."project_id" is distinct from new."project_id"
          or old."assignee" is distinct from new."assignee"
          or old."watchers" is distinct from new."watchers" then
          v_left := array_remove(array[
            'org:' || old."organization_id",
            'work:' || old."id",
            'project:' || old."project_id",
            'user:' || old."assignee"
          ], null)
          || case when old."watchers" is not null then ablo_model.role_groups('watcher', to_jsonb(old."watchers")) end;
          if old."project_id" is not null then
            v_left := ablo_model."projects__above"(old."organization_id"::text, old."project_id"::text, v_left);
          end if;
          v_left := nullif(array(select g from unnest(v_left) g where g <> all (v_groups)), '{}');
        end if;
      else
        v_op := 'I';
      end if;
    end if;
    v_done := ablo.order_lock(v_organization);
    insert into ablo.delta (
      sync_id, organization_id, model, row_id, op, groups, "row", changed,
      actor, on_behalf_of, capability_id, claim_id, transaction_id, xid, created_at, left_groups
    )
    values (
      nextval('ablo.sync_id'), v_organization, 'Task', v_id, v_op, v_groups, v_row, v_changed,
      coalesce(nullif(current_setting('ablo.writer', true), ''), 'system:' || session_user),
      nullif(current_setting('ablo.on_behalf_of', true), ''),
      nullif(current_setting('ablo.capability_id', true), ''),
      ablo.claim_of('Task', v_id),
      ablo.transaction_of('Task', v_id),
      pg_current_xact_id(), clock_timestamp(), v_left
    );
    exit when not v_gone or new."organization_id" is null;
    v_gone := false;
    v_made := true;
  end loop;
  return null;
end
$ablo$;

alter function ablo_model."tasks__capture"() owner to ablo_owner;

revoke all on function ablo_model."tasks__capture"() from public;

-- tasks: guard
create or replace function ablo_model."tasks__guard"()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
as $ablo$
declare
  v_organization text;
  v_moved boolean := false;
  v_writer text := coalesce(
    nullif(current_setting('app.current_participant_id', true), ''),
    'system:' || session_user
  );
begin
  if tg_op = 'DELETE' then
    v_organization := old."organization_id";
  else
    v_organization := new."organization_id";
  end if;
  if tg_op = 'UPDATE' then
    v_moved := new."id" is distinct from old."id"
      or old."organization_id" is not null and new."organization_id" is distinct from old."organization_id";
    if v_moved then
      perform ablo.row_identity_check(tg_relid, new."organization_id" is distinct from old."organization_id");
      perform ablo.capture_note(old."organization_id"::text);
    end if;
    if new."updated_at" is not distinct from old."updated_at"
      and current_setting('ablo.keep_updated_at', true) is distinct from 'on'
    then
      new."updated_at" := greatest(
        clock_timestamp(), old."updated_at" + interval '1 millisecond'
      );
    end if;
  end if;
  if v_organization is distinct from current_setting('app.current_org_id', true) then
    perform ablo.capture_note(v_organization);
  end if;
  if v_writer is distinct from current_setting('ablo.writer', true)
    and ablo.writer_note(v_writer) is null
  then
    null;
  end if;
  if tg_op = 'DELETE' then
    return old;
  end if;
  return new;
end
$ablo$;

alter function ablo_model."tasks__guard"() owner to ablo_owner;

revoke all on function ablo_model."tasks__guard"() from public;

-- tasks: writes
create or replace function ablo_model."tasks__explain"(p_action text, p_id text, p_data jsonb)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
declare
  v_fields constant jsonb := e'{"assignee":{"required":false,"type":"string"},"count":{"required":false,"type":"integer"},"done":{"default":false,"required":true,"type":"boolean"},"dueOn":{"required":false,"type":"date"},"meta":{"default":{"a":[1,"x"]},"required":true,"type":"json"},"price":{"required":false,"type":"decimal"},"priority":{"default":"low","required":true,"type":"enum","values":["low","high"]},"projectId":{"required":false,"type":"string"},"ratio":{"required":false,"type":"number"},"ref":{"required":false,"type":"uuid"},"startsAt":{"required":false,"type":"datetime"},"status":{"required":true,"type":"enum","values":["todo","in progress","it''s done","\\"quoted\\\\"]},"title":{"required":true,"type":"string"},"watchers":{"required":false,"type":"json"}}';
begin
  return ablo_model.write_check('tasks', v_fields, p_action, p_id, p_data);
end
$ablo$;

alter function ablo_model."tasks__explain"(text, text, jsonb) owner to ablo_owner;

revoke all on function ablo_model."tasks__explain"(text, text, jsonb) from public;

create or replace function ablo_model."tasks__write"(p_action text, p_id text, p_data jsonb)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
#variable_conflict use_variable
declare
  v_organization "public"."tasks"."organization_id"%type := nullif(current_setting('app.current_org_id', true), '');
  v_id "public"."tasks"."id"%type;
  v_now timestamptz := clock_timestamp();
begin
  if pg_typeof(v_id) = 'text'::regtype then
    v_id := p_id;
  else
    begin
      v_id := p_id;
    exception when invalid_text_representation or numeric_value_out_of_range
      or string_data_right_truncation
    then
      perform ablo.raise_error('invalid_id',
        'tasks' || ': the id ' || quote_literal(left(p_id, 80)) || ' does not fit its column, which is '
        || pg_typeof(v_id),
        'pass id=, as text: a value of type ' || pg_typeof(v_id),
        jsonb_build_object('model', 'tasks', 'field', 'id', 'generated',
          ablo.id_sequence('"public"."tasks"'::regclass, 'id') is not null));
    end;
  end if;
  if v_id::text <> p_id then
    perform ablo.raise_error('invalid_id',
      'tasks' || ': the id is ' || quote_literal(v_id::text) || ', not ' || quote_literal(left(p_id, 80)),
      'pass the id as it was read',
      jsonb_build_object('model', 'tasks', 'field', 'id'));
  end if;
  if p_action = 'update' then
    if (
      jsonb_typeof(p_data) = 'object'
      and pg_column_size(p_data) < 1000000
      and p_data - array['title', 'status', 'priority', 'projectId', 'assignee', 'watchers', 'count', 'ratio', 'price', 'done', 'startsAt', 'dueOn', 'ref', 'meta']::text[] = '{}'
      and (ablo_model.is_string(p_data -> 'title')) is not false
      and (p_data -> 'status' = any (array['"todo"', '"in progress"', '"it''s done"', e'"\\"quoted\\\\"']::jsonb[])) is not false
      and (p_data -> 'priority' = any (array['"low"', '"high"']::jsonb[])) is not false
      and (p_data -> 'projectId' = 'null' or ablo_model.is_string(p_data -> 'projectId')) is not false
      and (p_data -> 'assignee' = 'null' or ablo_model.is_string(p_data -> 'assignee')) is not false
      and (p_data -> 'watchers' = 'null' or ablo_model.is_json(p_data -> 'watchers')) is not false
      and (p_data -> 'count' = 'null' or ablo_model.is_integer(p_data -> 'count')) is not false
      and (p_data -> 'ratio' = 'null' or ablo_model.is_number(p_data -> 'ratio')) is not false
      and (p_data -> 'price' = 'null' or ablo_model.is_decimal(p_data -> 'price')) is not false
      and (ablo_model.is_boolean(p_data -> 'done')) is not false
      and (p_data -> 'startsAt' = 'null' or ablo_model.is_datetime(p_data -> 'startsAt')) is not false
      and (p_data -> 'dueOn' = 'null' or ablo_model.is_date(p_data -> 'dueOn')) is not false
      and (p_data -> 'ref' = 'null' or ablo_model.is_uuid(p_data -> 'ref')) is not false
      and (ablo_model.is_json(p_data -> 'meta')) is not false
    ) is not true then
      perform ablo_model."tasks__explain"(p_action, p_id, p_data);
    end if;
    update "public"."tasks" t set
      "title" = coalesce(p_data ->> 'title', t."title"),
      "status" = coalesce(p_data ->> 'status', t."status"),
      "priority" = coalesce(p_data ->> 'priority', t."priority"),
      "project_id" = case when p_data ? 'projectId' then p_data ->> 'projectId' else t."project_id" end,
      "assignee" = case when p_data ? 'assignee' then p_data ->> 'assignee' else t."assignee" end,
      "watchers" = case when p_data ? 'watchers' then nullif(p_data -> 'watchers', 'null') else t."watchers" end,
      "count" = case when p_data ? 'count' then (p_data ->> 'count')::numeric::bigint else t."count" end,
      "ratio" = case when p_data ? 'ratio' then (p_data ->> 'ratio')::double precision else t."ratio" end,
      "price" = case when p_data ? 'price' then (p_data ->> 'price')::numeric else t."price" end,
      "done" = coalesce((p_data ->> 'done')::boolean, t."done"),
      "starts_at" = case when p_data ? 'startsAt' then (p_data ->> 'startsAt')::timestamptz else t."starts_at" end,
      "due_on" = case when p_data ? 'dueOn' then (p_data ->> 'dueOn')::date else t."due_on" end,
      "ref" = case when p_data ? 'ref' then (p_data ->> 'ref')::uuid else t."ref" end,
      "meta" = coalesce(nullif(p_data -> 'meta', 'null'), t."meta"),
      "updated_at" = greatest(v_now, t."updated_at" + interval '1 millisecond')
    where t."organization_id" = v_organization and t."id" = v_id;
  elsif p_action = 'create' then
    if (
      v_organization is not null
      and p_id <> ''
      and octet_length(p_id) <= 255
      and jsonb_typeof(p_data) = 'object'
      and pg_column_size(p_data) < 1000000
      and p_data - array['title', 'status', 'priority', 'projectId', 'assignee', 'watchers', 'count', 'ratio', 'price', 'done', 'startsAt', 'dueOn', 'ref', 'meta']::text[] = '{}'
      and ablo_model.is_string(p_data -> 'title')
      and p_data -> 'status' = any (array['"todo"', '"in progress"', '"it''s done"', e'"\\"quoted\\\\"']::jsonb[])
      and (p_data -> 'priority' = any (array['"low"', '"high"']::jsonb[])) is not false
      and (p_data -> 'projectId' = 'null' or ablo_model.is_string(p_data -> 'projectId')) is not false
      and (p_data -> 'assignee' = 'null' or ablo_model.is_string(p_data -> 'assignee')) is not false
      and (p_data -> 'watchers' = 'null' or ablo_model.is_json(p_data -> 'watchers')) is not false
      and (p_data -> 'count' = 'null' or ablo_model.is_integer(p_data -> 'count')) is not false
      and (p_data -> 'ratio' = 'null' or ablo_model.is_number(p_data -> 'ratio')) is not false
      and (p_data -> 'price' = 'null' or ablo_model.is_decimal(p_data -> 'price')) is not false
      and (ablo_model.is_boolean(p_data -> 'done')) is not false
      and (p_data -> 'startsAt' = 'null' or ablo_model.is_datetime(p_data -> 'startsAt')) is not false
      and (p_data -> 'dueOn' = 'null' or ablo_model.is_date(p_data -> 'dueOn')) is not false
      and (p_data -> 'ref' = 'null' or ablo_model.is_uuid(p_data -> 'ref')) is not false
      and (ablo_model.is_json(p_data -> 'meta')) is not false
    ) is not true then
      perform ablo_model."tasks__explain"(p_action, p_id, p_data);
    end if;
    if pg_typeof(v_id) <> 'text'::regtype
      and ablo.base_type(pg_typeof(v_id)) = any ('{int8,int4,int2}'::regtype[])
    then
      perform ablo.id_pass('"public"."tasks"'::regclass, 'id', 'tasks', v_id::text::bigint);
    end if;
    insert into "public"."tasks" (
      "id",
      "organization_id",
      "created_at",
      "updated_at",
      "created_by",
      "title",
      "status",
      "priority",
      "project_id",
      "assignee",
      "watchers",
      "count",
      "ratio",
      "price",
      "done",
      "starts_at",
      "due_on",
      "ref",
      "meta"
    )
    overriding system value
    values (
      v_id,
      v_organization,
      v_now,
      v_now,
      nullif(current_setting('app.current_participant_id', true), ''),
      p_data ->> 'title',
      p_data ->> 'status',
      case when p_data ? 'priority' then p_data ->> 'priority' else 'low' end,
      p_data ->> 'projectId',
      p_data ->> 'assignee',
      nullif(p_data -> 'watchers', 'null'),
      (p_data ->> 'count')::numeric::bigint,
      (p_data ->> 'ratio')::double precision,
      (p_data ->> 'price')::numeric,
      case when p_data ? 'done' then (p_data ->> 'done')::boolean else false end,
      (p_data ->> 'startsAt')::timestamptz,
      (p_data ->> 'dueOn')::date,
      (p_data ->> 'ref')::uuid,
      case when p_data ? 'meta' then nullif(p_data -> 'meta', 'null') else '{"a":[1,"x"]}'::jsonb end
    );
  elsif p_action = 'delete' then
    delete from "public"."tasks" t
    where t."organization_id" = v_organization and t."id" = v_id;
  elsif p_action = 'archive' then
    update "public"."tasks" t set
      "archived_at" = coalesce(t."archived_at", v_now),
      "updated_at" = greatest(v_now, t."updated_at" + interval '1 millisecond')
    where t."organization_id" = v_organization and t."id" = v_id;
  elsif p_action = 'unarchive' then
    update "public"."tasks" t set
      "archived_at" = null,
      "updated_at" = greatest(v_now, t."updated_at" + interval '1 millisecond')
    where t."organization_id" = v_organization and t."id" = v_id;
  else
    perform ablo.raise_error('commit_operation_unsupported',
      'tasks: there is no action ' || quote_nullable(left(p_action, 40)),
      'use create, update, delete, archive or unarchive');
  end if;
  if found then
    return true;
  end if;
  return ablo.write_suppressed('"public"."tasks"'::regclass, 'tasks', p_action, p_id,
    (select t."updated_at" from "public"."tasks" t
     where t."organization_id" = v_organization and t."id" = v_id), v_now);
end
$ablo$;

alter function ablo_model."tasks__write"(text, text, jsonb) owner to ablo_owner;

revoke all on function ablo_model."tasks__write"(text, text, jsonb) from public;

select ablo.table_path_set('"public"."tasks"'::regclass, 'ablo_model."tasks__write"(text,text,jsonb)'::regprocedure);

create or replace function ablo_model."tasks__lock"(p_id text)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
#variable_conflict use_variable
declare
  v_organization "public"."tasks"."organization_id"%type := nullif(current_setting('app.current_org_id', true), '');
  v_id "public"."tasks"."id"%type;
begin
  if pg_typeof(v_id) = 'text'::regtype then
    v_id := p_id;
  else
    begin
      v_id := p_id;
    exception when invalid_text_representation or numeric_value_out_of_range
      or string_data_right_truncation
    then
      perform ablo.raise_error('invalid_id',
        'tasks' || ': the id ' || quote_literal(left(p_id, 80)) || ' does not fit its column, which is '
        || pg_typeof(v_id),
        'pass id=, as text: a value of type ' || pg_typeof(v_id),
        jsonb_build_object('model', 'tasks', 'field', 'id', 'generated',
          ablo.id_sequence('"public"."tasks"'::regclass, 'id') is not null));
    end;
  end if;
  if v_id::text <> p_id then
    perform ablo.raise_error('invalid_id',
      'tasks' || ': the id is ' || quote_literal(v_id::text) || ', not ' || quote_literal(left(p_id, 80)),
      'pass the id as it was read',
      jsonb_build_object('model', 'tasks', 'field', 'id'));
  end if;
  perform from "public"."tasks" t
  where t."organization_id" = v_organization and t."id" = v_id
  for no key update;
  return found;
end
$ablo$;

alter function ablo_model."tasks__lock"(text) owner to ablo_owner;

revoke all on function ablo_model."tasks__lock"(text) from public;

-- tasks: triggers
do $ablo$
begin
  if (
    select count(*) from pg_catalog.pg_trigger t
    where t.tgrelid = '"public"."tasks"'::regclass and t.tgenabled = 'A'
      and t.tgname = any (array['zz_ablo_capture', 'zz_ablo_guard', 'zz_ablo_truncate']::text[])
      and pg_catalog.obj_description(t.oid, 'pg_trigger') = 'ablo_pg c4f92fa8'
  ) <> 3 then
    drop trigger if exists zz_ablo_capture on "public"."tasks";
    create constraint trigger zz_ablo_capture
      after insert or update or delete on "public"."tasks"
      deferrable initially deferred for each row when (current_user <> 'ablo_writer')
      execute function ablo_model."tasks__capture"();
    alter table "public"."tasks" enable always trigger zz_ablo_capture;
    comment on trigger zz_ablo_capture on "public"."tasks" is 'ablo_pg c4f92fa8';
    drop trigger if exists zz_ablo_guard on "public"."tasks";
    create trigger zz_ablo_guard
      before insert or update or delete on "public"."tasks" for each row when (current_user <> 'ablo_writer')
      execute function ablo_model."tasks__guard"();
    alter table "public"."tasks" enable always trigger zz_ablo_guard;
    comment on trigger zz_ablo_guard on "public"."tasks" is 'ablo_pg c4f92fa8';
    drop trigger if exists zz_ablo_truncate on "public"."tasks";
    create trigger zz_ablo_truncate before truncate on "public"."tasks"
      for each statement execute function ablo.truncate_refuse();
    alter table "public"."tasks" enable always trigger zz_ablo_truncate;
    comment on trigger zz_ablo_truncate on "public"."tasks" is 'ablo_pg c4f92fa8';
  end if;
end
$ablo$;

-- ======== model teams (public.teams) ========

-- teams: types of its columns
do $ablo$
declare
  v_column record;
begin
  for v_column in
    select w.wire, a.attname, pg_catalog.format_type(a.atttypid, null) as has, w.types
    from (
      values
        ('name', 'name', array['text', 'varchar', 'bpchar', 'citext']::text[])
    ) w (name, wire, types)
    join pg_catalog.pg_attribute a on a.attname = w.name
    join pg_catalog.pg_type t on t.oid = ablo.base_type(a.atttypid)
    where a.attrelid = '"public"."teams"'::regclass and not a.attisdropped and t.typname <> all (w.types)
  loop
    raise exception using
      errcode = 'AB040',
      message = pg_catalog.format('teams.%s: the column %s.%I is of type %s, not %s',
        v_column.wire, 'public.teams', v_column.attname, v_column.has, v_column.types[1]),
      hint = 'convert the column (alter table ... alter column ... type ...), or correct the field',
      detail = pg_catalog.json_build_object(
        'code', 'incompatible_change', 'model', 'teams', 'field', v_column.wire)::text;
  end loop;
end
$ablo$;

-- teams: required fields
do $ablo$
begin
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"public"."teams"'::regclass and c.relowner = 'ablo_owner'::regrole
  ) then
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."teams"'::regclass and a.attname = 'organization_id'
        and not a.attnotnull
    ) then
      begin
        alter table "public"."teams" alter column "organization_id" set not null;
      exception when not_null_violation then
        raise warning '%.% still holds nulls: backfill it, then run this again',
          '"public"."teams"', 'organization_id';
      end;
    end if;
    if exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = '"public"."teams"'::regclass and a.attname = 'name'
        and not a.attnotnull
    ) then
      begin
        alter table "public"."teams" alter column "name" set not null;
      exception when not_null_violation then
        raise warning '%.% still holds nulls: backfill it, then run this again',
          '"public"."teams"', 'name';
      end;
    end if;
  end if;
end
$ablo$;

-- teams: row-level security
do $ablo$
begin
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = '"public"."teams"'::regclass and c.relowner = 'ablo_owner'::regrole
  ) then
    if exists (
      select from pg_catalog.pg_class c
      where c.oid = '"public"."teams"'::regclass and not (c.relrowsecurity and c.relforcerowsecurity)
    ) then
      alter table "public"."teams" enable row level security;
      alter table "public"."teams" force row level security;
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."teams"'::regclass and p.polname = 'teams_tenant_isolation'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg 64b6fada'
    ) then
      drop policy if exists "teams_tenant_isolation" on "public"."teams";
      create policy "teams_tenant_isolation" on "public"."teams" for all
        using ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')))
        with check ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')));
      comment on policy "teams_tenant_isolation" on "public"."teams" is 'ablo_pg 64b6fada';
    end if;
  else
    if exists (
      select from pg_catalog.pg_class c
      where c.oid = '"public"."teams"'::regclass and not c.relrowsecurity
    ) or exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."teams"'::regclass
        and p.polname = 'teams_tenant_isolation'
        and p.polroles = '{0}'
        and pg_catalog.obj_description(p.oid, 'pg_policy') like 'ablo\_pg %'
    ) then
      if not exists (
        select from pg_catalog.pg_policy p
        where p.polrelid = '"public"."teams"'::regclass and p.polname = 'teams_all_rows'
          and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg c575bfb3'
      ) then
        drop policy if exists "teams_all_rows" on "public"."teams";
        create policy "teams_all_rows" on "public"."teams" for all
          to public
          using (true)
          with check (true);
        comment on policy "teams_all_rows" on "public"."teams" is 'ablo_pg c575bfb3';
      end if;
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."teams"'::regclass and p.polname = 'teams_ablo_rows'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg a99098dd'
    ) then
      drop policy if exists "teams_ablo_rows" on "public"."teams";
      create policy "teams_ablo_rows" on "public"."teams" for all
        to ablo_runtime, ablo_owner
        using (true)
        with check (true);
      comment on policy "teams_ablo_rows" on "public"."teams" is 'ablo_pg a99098dd';
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."teams"'::regclass and p.polname = 'teams_tenant_isolation'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg 61f27e58'
    ) then
      drop policy if exists "teams_tenant_isolation" on "public"."teams";
      create policy "teams_tenant_isolation" on "public"."teams" as restrictive for all
        to ablo_runtime
        using ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')))
        with check ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), '')));
      comment on policy "teams_tenant_isolation" on "public"."teams" is 'ablo_pg 61f27e58';
    end if;
    if not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = '"public"."teams"'::regclass and p.polname = 'teams_kernel_tenant_isolation'
        and pg_catalog.obj_description(p.oid, 'pg_policy') = 'ablo_pg e8fbda28'
    ) then
      drop policy if exists "teams_kernel_tenant_isolation" on "public"."teams";
      create policy "teams_kernel_tenant_isolation" on "public"."teams" as restrictive for all
        to ablo_owner
        using ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), ''))
          or (select not (pg_has_role(session_user, 'ablo_runtime', 'member') and not pg_has_role(session_user, 'ablo_owner', 'member'))))
        with check ("organization_id"::text = (select nullif(current_setting('app.current_org_id', true), ''))
          or (select not (pg_has_role(session_user, 'ablo_runtime', 'member') and not pg_has_role(session_user, 'ablo_owner', 'member'))));
      comment on policy "teams_kernel_tenant_isolation" on "public"."teams" is 'ablo_pg e8fbda28';
    end if;
    if exists (
      select from pg_catalog.pg_class c
      where c.oid = '"public"."teams"'::regclass and not c.relrowsecurity
    ) then
      alter table "public"."teams" enable row level security;
    end if;
  end if;
end
$ablo$;

-- teams: grants
grant select, insert, update, delete on table "public"."teams" to ablo_runtime;

grant select, insert, update, delete on table "public"."teams" to ablo_owner;

do $ablo$
declare
  v_sequence text;
begin
  for v_sequence in
    select distinct s.id::text
    from pg_catalog.pg_attribute a
    cross join ablo.id_sequence('"public"."teams"'::regclass, a.attname::text) s (id)
    where a.attrelid = '"public"."teams"'::regclass and a.attnum > 0 and not (
      pg_catalog.has_sequence_privilege('ablo_owner', s.id, 'usage')
      and pg_catalog.has_sequence_privilege('ablo_runtime', s.id, 'usage')
    )
  loop
    execute format('grant usage on sequence %s to ablo_owner, ablo_runtime', v_sequence);
  end loop;
end
$ablo$;

-- teams: a row as JSON
create or replace function ablo_model."teams__row"(r "public"."teams")
  returns json
  language sql stable security invoker
as $ablo$
  select pg_catalog.json_build_object(
    'id', r."id"::text,
    'createdAt', r."created_at"::timestamptz,
    'updatedAt', r."updated_at"::timestamptz,
    'organizationId', r."organization_id"::text,
    'createdBy', r."created_by"::text,
    'archivedAt', r."archived_at"::timestamptz,
    'name', r."name"::text
  )
$ablo$;

alter function ablo_model."teams__row"("public"."teams") owner to ablo_owner;

revoke all on function ablo_model."teams__row"("public"."teams") from public;

grant execute on function ablo_model."teams__row"("public"."teams") to ablo_runtime;

-- teams: reading a row
create or replace function ablo_model."teams__read"(p_id text)
  returns json
  language plpgsql stable security invoker
as $ablo$
#variable_conflict use_variable
declare
  v_organization "public"."teams"."organization_id"%type := nullif(current_setting('app.current_org_id', true), '');
  v_id "public"."teams"."id"%type := p_id;
begin
  return (
    select ablo_model."teams__row"(t.*)
    from "public"."teams" t
    where t."organization_id" = v_organization and t."id" = v_id
  );
end
$ablo$;

alter function ablo_model."teams__read"(text) owner to ablo_owner;

revoke all on function ablo_model."teams__read"(text) from public;

-- teams: groups of a row
create or replace function ablo_model."teams__groups"(r "public"."teams")
  returns text[]
  language sql stable security invoker
as $ablo$
select array['org:' || r."organization_id", 'team:' || r."id"]
$ablo$;

alter function ablo_model."teams__groups"("public"."teams") owner to ablo_owner;

revoke all on function ablo_model."teams__groups"("public"."teams") from public;

-- teams: capture
create or replace function ablo_model."teams__capture"()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  set datestyle = 'ISO, MDY'
  set extra_float_digits = 1
as $ablo$
declare
  v_organization text;
  v_id text;
  v_op text;
  v_gone boolean := tg_op = 'DELETE';
  v_made boolean := tg_op = 'INSERT';
  v_groups text[];
  v_left text[];
  v_row json;
  v_changed text[];
  v_done text;
begin
  if tg_op = 'UPDATE' then
    v_made := old."organization_id" is null;
    v_gone := not v_made
      and (new."id" is distinct from old."id" or new."organization_id" is distinct from old."organization_id");
  end if;
  if coalesce(new."organization_id", old."organization_id") is null then
    return null;
  end if;
  loop
    if v_gone then
      v_organization := old."organization_id";
      v_id := old."id";
      v_op := 'D';
      v_groups := array['org:' || old."organization_id", 'team:' || old."id"];
    else
      v_organization := new."organization_id";
      v_id := new."id";
      begin
        v_row := pg_catalog.json_build_object(
        'id', new."id"::text,
        'createdAt', new."created_at"::timestamptz,
        'updatedAt', new."updated_at"::timestamptz,
        'organizationId', new."organization_id"::text,
        'createdBy', new."created_by"::text,
        'archivedAt', new."archived_at"::timestamptz,
        'name', new."name"::text
      );
        if not v_made then
          v_changed := array_remove(array[
        'updatedAt',
        case when old."created_at" is distinct from new."created_at" then 'createdAt' end,
        case when old."created_by"::text collate "C" is distinct from new."created_by"::text collate "C" then 'createdBy' end,
        case when old."archived_at" is distinct from new."archived_at" then 'archivedAt' end,
        case when old."name"::text collate "C" is distinct from new."name"::text collate "C" then 'name' end
      ], null);
        end if;
      exception when undefined_column then
        select d.row_json, d.changed into v_row, v_changed
        from ablo.row_drifted('Team', tg_relid, case when not v_made then to_jsonb(old) end, to_jsonb(new)) d;
      end;
      v_groups := array['org:' || new."organization_id", 'team:' || new."id"];
      if not v_made then
        v_op := case
          when (old."archived_at" is null) = (new."archived_at" is null) then 'U'
          when old."archived_at" is null then 'A'
          else 'V'
        end;
      else
        v_op := 'I';
      end if;
    end if;
    v_done := ablo.order_lock(v_organization);
    insert into ablo.delta (
      sync_id, organization_id, model, row_id, op, groups, "row", changed,
      actor, on_behalf_of, capability_id, claim_id, transaction_id, xid, created_at, left_groups
    )
    values (
      nextval('ablo.sync_id'), v_organization, 'Team', v_id, v_op, v_groups, v_row, v_changed,
      coalesce(nullif(current_setting('ablo.writer', true), ''), 'system:' || session_user),
      nullif(current_setting('ablo.on_behalf_of', true), ''),
      nullif(current_setting('ablo.capability_id', true), ''),
      ablo.claim_of('Team', v_id),
      ablo.transaction_of('Team', v_id),
      pg_current_xact_id(), clock_timestamp(), v_left
    );
    exit when not v_gone or new."organization_id" is null;
    v_gone := false;
    v_made := true;
  end loop;
  return null;
end
$ablo$;

alter function ablo_model."teams__capture"() owner to ablo_owner;

revoke all on function ablo_model."teams__capture"() from public;

-- teams: guard
create or replace function ablo_model."teams__guard"()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
as $ablo$
declare
  v_organization text;
  v_moved boolean := false;
  v_writer text := coalesce(
    nullif(current_setting('app.current_participant_id', true), ''),
    'system:' || session_user
  );
begin
  if tg_op = 'DELETE' then
    v_organization := old."organization_id";
  else
    v_organization := new."organization_id";
  end if;
  if tg_op = 'UPDATE' then
    v_moved := new."id" is distinct from old."id"
      or old."organization_id" is not null and new."organization_id" is distinct from old."organization_id";
    if v_moved then
      perform ablo.row_identity_check(tg_relid, false);
      perform ablo.capture_note(old."organization_id"::text);
    end if;
    if new."updated_at" is not distinct from old."updated_at"
      and current_setting('ablo.keep_updated_at', true) is distinct from 'on'
    then
      new."updated_at" := greatest(
        clock_timestamp(), old."updated_at" + interval '1 millisecond'
      );
    end if;
  end if;
  if v_organization is distinct from current_setting('app.current_org_id', true) then
    perform ablo.capture_note(v_organization);
  end if;
  if v_writer is distinct from current_setting('ablo.writer', true)
    and ablo.writer_note(v_writer) is null
  then
    null;
  end if;
  if tg_op = 'DELETE' then
    return old;
  end if;
  return new;
end
$ablo$;

alter function ablo_model."teams__guard"() owner to ablo_owner;

revoke all on function ablo_model."teams__guard"() from public;

-- teams: writes
create or replace function ablo_model."teams__explain"(p_action text, p_id text, p_data jsonb)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
declare
  v_fields constant jsonb := '{"name":{"required":true,"type":"string"}}';
begin
  return ablo_model.write_check('teams', v_fields, p_action, p_id, p_data);
end
$ablo$;

alter function ablo_model."teams__explain"(text, text, jsonb) owner to ablo_owner;

revoke all on function ablo_model."teams__explain"(text, text, jsonb) from public;

create or replace function ablo_model."teams__write"(p_action text, p_id text, p_data jsonb)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
#variable_conflict use_variable
declare
  v_organization "public"."teams"."organization_id"%type := nullif(current_setting('app.current_org_id', true), '');
  v_id "public"."teams"."id"%type;
  v_now timestamptz := clock_timestamp();
begin
  if pg_typeof(v_id) = 'text'::regtype then
    v_id := p_id;
  else
    begin
      v_id := p_id;
    exception when invalid_text_representation or numeric_value_out_of_range
      or string_data_right_truncation
    then
      perform ablo.raise_error('invalid_id',
        'teams' || ': the id ' || quote_literal(left(p_id, 80)) || ' does not fit its column, which is '
        || pg_typeof(v_id),
        'pass id=, as text: a value of type ' || pg_typeof(v_id),
        jsonb_build_object('model', 'teams', 'field', 'id', 'generated',
          ablo.id_sequence('"public"."teams"'::regclass, 'id') is not null));
    end;
  end if;
  if v_id::text <> p_id then
    perform ablo.raise_error('invalid_id',
      'teams' || ': the id is ' || quote_literal(v_id::text) || ', not ' || quote_literal(left(p_id, 80)),
      'pass the id as it was read',
      jsonb_build_object('model', 'teams', 'field', 'id'));
  end if;
  if p_action = 'update' then
    if (
      jsonb_typeof(p_data) = 'object'
      and pg_column_size(p_data) < 1000000
      and p_data - array['name']::text[] = '{}'
      and (ablo_model.is_string(p_data -> 'name')) is not false
    ) is not true then
      perform ablo_model."teams__explain"(p_action, p_id, p_data);
    end if;
    update "public"."teams" t set
      "name" = coalesce(p_data ->> 'name', t."name"),
      "updated_at" = greatest(v_now, t."updated_at" + interval '1 millisecond')
    where t."organization_id" = v_organization and t."id" = v_id;
  elsif p_action = 'create' then
    if (
      v_organization is not null
      and p_id <> ''
      and octet_length(p_id) <= 255
      and jsonb_typeof(p_data) = 'object'
      and pg_column_size(p_data) < 1000000
      and p_data - array['name']::text[] = '{}'
      and ablo_model.is_string(p_data -> 'name')
    ) is not true then
      perform ablo_model."teams__explain"(p_action, p_id, p_data);
    end if;
    if pg_typeof(v_id) <> 'text'::regtype
      and ablo.base_type(pg_typeof(v_id)) = any ('{int8,int4,int2}'::regtype[])
    then
      perform ablo.id_pass('"public"."teams"'::regclass, 'id', 'teams', v_id::text::bigint);
    end if;
    insert into "public"."teams" (
      "id",
      "organization_id",
      "created_at",
      "updated_at",
      "created_by",
      "name"
    )
    overriding system value
    values (
      v_id,
      v_organization,
      v_now,
      v_now,
      nullif(current_setting('app.current_participant_id', true), ''),
      p_data ->> 'name'
    );
  elsif p_action = 'delete' then
    delete from "public"."teams" t
    where t."organization_id" = v_organization and t."id" = v_id;
  elsif p_action = 'archive' then
    update "public"."teams" t set
      "archived_at" = coalesce(t."archived_at", v_now),
      "updated_at" = greatest(v_now, t."updated_at" + interval '1 millisecond')
    where t."organization_id" = v_organization and t."id" = v_id;
  elsif p_action = 'unarchive' then
    update "public"."teams" t set
      "archived_at" = null,
      "updated_at" = greatest(v_now, t."updated_at" + interval '1 millisecond')
    where t."organization_id" = v_organization and t."id" = v_id;
  else
    perform ablo.raise_error('commit_operation_unsupported',
      'teams: there is no action ' || quote_nullable(left(p_action, 40)),
      'use create, update, delete, archive or unarchive');
  end if;
  if found then
    return true;
  end if;
  return ablo.write_suppressed('"public"."teams"'::regclass, 'teams', p_action, p_id,
    (select t."updated_at" from "public"."teams" t
     where t."organization_id" = v_organization and t."id" = v_id), v_now);
end
$ablo$;

alter function ablo_model."teams__write"(text, text, jsonb) owner to ablo_owner;

revoke all on function ablo_model."teams__write"(text, text, jsonb) from public;

select ablo.table_path_set('"public"."teams"'::regclass, 'ablo_model."teams__write"(text,text,jsonb)'::regprocedure);

create or replace function ablo_model."teams__lock"(p_id text)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
#variable_conflict use_variable
declare
  v_organization "public"."teams"."organization_id"%type := nullif(current_setting('app.current_org_id', true), '');
  v_id "public"."teams"."id"%type;
begin
  if pg_typeof(v_id) = 'text'::regtype then
    v_id := p_id;
  else
    begin
      v_id := p_id;
    exception when invalid_text_representation or numeric_value_out_of_range
      or string_data_right_truncation
    then
      perform ablo.raise_error('invalid_id',
        'teams' || ': the id ' || quote_literal(left(p_id, 80)) || ' does not fit its column, which is '
        || pg_typeof(v_id),
        'pass id=, as text: a value of type ' || pg_typeof(v_id),
        jsonb_build_object('model', 'teams', 'field', 'id', 'generated',
          ablo.id_sequence('"public"."teams"'::regclass, 'id') is not null));
    end;
  end if;
  if v_id::text <> p_id then
    perform ablo.raise_error('invalid_id',
      'teams' || ': the id is ' || quote_literal(v_id::text) || ', not ' || quote_literal(left(p_id, 80)),
      'pass the id as it was read',
      jsonb_build_object('model', 'teams', 'field', 'id'));
  end if;
  perform from "public"."teams" t
  where t."organization_id" = v_organization and t."id" = v_id
  for no key update;
  return found;
end
$ablo$;

alter function ablo_model."teams__lock"(text) owner to ablo_owner;

revoke all on function ablo_model."teams__lock"(text) from public;

-- teams: writes of many rows
create or replace function ablo_model."teams__many"(p_action text, p_organization text, p_now timestamptz, p_ords int[], p_ids text[], p_items jsonb[], p_participants text[])
  returns table (ord int, op text, row_id text, groups text[], left_groups text[], "row" json, changed text[])
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $ablo$
#variable_conflict use_variable
begin
  if current_user <> 'ablo_writer' then  -- its changes would be captured too
    return;
  elsif p_action = 'update' then
    return query with o as (
      select b.ord as ablo_ord, b.data as ablo_data, t.ctid as ablo_ctid, t.*
      from unnest(p_ords, p_ids, p_items) b (ord, id, data)
      join "public"."teams" t on t."organization_id" = p_organization and t."id" = b.id
      where jsonb_typeof(b.data) = 'object'
        and pg_column_size(b.data) < 1000000
        and b.data - array['name']::text[] = '{}'
        and (ablo_model.is_string(b.data -> 'name')) is not false
      for no key update of t skip locked
    )
    update "public"."teams" t set
      "name" = coalesce(o.ablo_data ->> 'name', t."name"),
      "updated_at" = greatest(p_now, t."updated_at" + interval '1 millisecond')
    from o where t.ctid = o.ablo_ctid
    returning o.ablo_ord,
      case
        when (o."archived_at" is null) = (t."archived_at" is null) then 'U'
        when o."archived_at" is null then 'A'
        else 'V'
      end,
      t."id",
      array['org:' || t."organization_id", 'team:' || t."id"],
      null::text[],
      pg_catalog.json_build_object(
        'id', t."id"::text,
        'createdAt', t."created_at"::timestamptz,
        'updatedAt', t."updated_at"::timestamptz,
        'organizationId', t."organization_id"::text,
        'createdBy', t."created_by"::text,
        'archivedAt', t."archived_at"::timestamptz,
        'name', t."name"::text
      ),
      array_remove(array[
        'updatedAt',
        case when o."created_at" is distinct from t."created_at" then 'createdAt' end,
        case when o."created_by"::text collate "C" is distinct from t."created_by"::text collate "C" then 'createdBy' end,
        case when o."archived_at" is distinct from t."archived_at" then 'archivedAt' end,
        case when o."name"::text collate "C" is distinct from t."name"::text collate "C" then 'name' end
      ], null);
  elsif p_action = 'create' then
    return query with i as (
      insert into "public"."teams" as t (
        "id",
        "organization_id",
        "created_at",
        "updated_at",
        "created_by",
        "name"
      )
      select
        b.id,
        p_organization,
        p_now,
        p_now,
        b.participant,
        b.data ->> 'name'
      from unnest(p_ids, p_items, p_participants) b (id, data, participant)
      where b.id <> ''
        and octet_length(b.id) <= 255
        and jsonb_typeof(b.data) = 'object'
        and pg_column_size(b.data) < 1000000
        and b.data - array['name']::text[] = '{}'
        and ablo_model.is_string(b.data -> 'name')
      on conflict do nothing
      returning t.*
    )
    select b.ord, 'I', t."id",
      array['org:' || t."organization_id", 'team:' || t."id"],
      null::text[],
      pg_catalog.json_build_object(
        'id', t."id"::text,
        'createdAt', t."created_at"::timestamptz,
        'updatedAt', t."updated_at"::timestamptz,
        'organizationId', t."organization_id"::text,
        'createdBy', t."created_by"::text,
        'archivedAt', t."archived_at"::timestamptz,
        'name', t."name"::text
      ),
      null::text[]
    from i t join unnest(p_ords, p_ids) b (ord, id) on b.id = t."id";
  elsif p_action = 'delete' then
    return query with o as (
      select b.ord as ablo_ord, b.data as ablo_data, t.ctid as ablo_ctid, t.*
      from unnest(p_ords, p_ids, p_items) b (ord, id, data)
      join "public"."teams" t on t."organization_id" = p_organization and t."id" = b.id
      for update of t skip locked
    )
    delete from "public"."teams" t using o where t.ctid = o.ablo_ctid
    returning o.ablo_ord, 'D', t."id", array['org:' || t."organization_id", 'team:' || t."id"],
      null::text[], null::json, null::text[];
  elsif p_action = 'archive' then
    return query with o as (
      select b.ord as ablo_ord, b.data as ablo_data, t.ctid as ablo_ctid, t.*
      from unnest(p_ords, p_ids, p_items) b (ord, id, data)
      join "public"."teams" t on t."organization_id" = p_organization and t."id" = b.id
      for no key update of t skip locked
    )
    update "public"."teams" t set
      "archived_at" = coalesce(t."archived_at", p_now),
      "updated_at" = greatest(p_now, t."updated_at" + interval '1 millisecond')
    from o where t.ctid = o.ablo_ctid
    returning o.ablo_ord,
      case
        when (o."archived_at" is null) = (t."archived_at" is null) then 'U'
        when o."archived_at" is null then 'A'
        else 'V'
      end,
      t."id",
      array['org:' || t."organization_id", 'team:' || t."id"],
      null::text[],
      pg_catalog.json_build_object(
        'id', t."id"::text,
        'createdAt', t."created_at"::timestamptz,
        'updatedAt', t."updated_at"::timestamptz,
        'organizationId', t."organization_id"::text,
        'createdBy', t."created_by"::text,
        'archivedAt', t."archived_at"::timestamptz,
        'name', t."name"::text
      ),
      array_remove(array[
        'updatedAt',
        case when o."created_at" is distinct from t."created_at" then 'createdAt' end,
        case when o."created_by"::text collate "C" is distinct from t."created_by"::text collate "C" then 'createdBy' end,
        case when o."archived_at" is distinct from t."archived_at" then 'archivedAt' end,
        case when o."name"::text collate "C" is distinct from t."name"::text collate "C" then 'name' end
      ], null);
  elsif p_action = 'unarchive' then
    return query with o as (
      select b.ord as ablo_ord, b.data as ablo_data, t.ctid as ablo_ctid, t.*
      from unnest(p_ords, p_ids, p_items) b (ord, id, data)
      join "public"."teams" t on t."organization_id" = p_organization and t."id" = b.id
      for no key update of t skip locked
    )
    update "public"."teams" t set
      "archived_at" = null,
      "updated_at" = greatest(p_now, t."updated_at" + interval '1 millisecond')
    from o where t.ctid = o.ablo_ctid
    returning o.ablo_ord,
      case
        when (o."archived_at" is null) = (t."archived_at" is null) then 'U'
        when o."archived_at" is null then 'A'
        else 'V'
      end,
      t."id",
      array['org:' || t."organization_id", 'team:' || t."id"],
      null::text[],
      pg_catalog.json_build_object(
        'id', t."id"::text,
        'createdAt', t."created_at"::timestamptz,
        'updatedAt', t."updated_at"::timestamptz,
        'organizationId', t."organization_id"::text,
        'createdBy', t."created_by"::text,
        'archivedAt', t."archived_at"::timestamptz,
        'name', t."name"::text
      ),
      array_remove(array[
        'updatedAt',
        case when o."created_at" is distinct from t."created_at" then 'createdAt' end,
        case when o."created_by"::text collate "C" is distinct from t."created_by"::text collate "C" then 'createdBy' end,
        case when o."archived_at" is distinct from t."archived_at" then 'archivedAt' end,
        case when o."name"::text collate "C" is distinct from t."name"::text collate "C" then 'name' end
      ], null);
  end if;
end
$ablo$;

alter function ablo_model."teams__many"(text, text, timestamptz, int[], text[], jsonb[], text[]) owner to ablo_owner;

revoke all on function ablo_model."teams__many"(text, text, timestamptz, int[], text[], jsonb[], text[]) from public;

do $ablo$
begin
  if exists (select from pg_catalog.pg_roles where rolname = 'ablo_writer') then
    alter function ablo_model."teams__many"(text, text, timestamptz, int[], text[], jsonb[], text[]) owner to ablo_writer;
    grant select, insert, update, delete on table "public"."teams" to ablo_writer;
  end if;
end
$ablo$;

-- teams: triggers
do $ablo$
begin
  if (
    select count(*) from pg_catalog.pg_trigger t
    where t.tgrelid = '"public"."teams"'::regclass and t.tgenabled = 'A'
      and t.tgname = any (array['zz_ablo_capture', 'zz_ablo_guard', 'zz_ablo_truncate']::text[])
      and pg_catalog.obj_description(t.oid, 'pg_trigger') = 'ablo_pg 4cae9f24'
  ) <> 3 then
    drop trigger if exists zz_ablo_capture on "public"."teams";
    create constraint trigger zz_ablo_capture
      after insert or update or delete on "public"."teams"
      deferrable initially deferred for each row when (current_user <> 'ablo_writer')
      execute function ablo_model."teams__capture"();
    alter table "public"."teams" enable always trigger zz_ablo_capture;
    comment on trigger zz_ablo_capture on "public"."teams" is 'ablo_pg 4cae9f24';
    drop trigger if exists zz_ablo_guard on "public"."teams";
    create trigger zz_ablo_guard
      before insert or update or delete on "public"."teams" for each row when (current_user <> 'ablo_writer')
      execute function ablo_model."teams__guard"();
    alter table "public"."teams" enable always trigger zz_ablo_guard;
    comment on trigger zz_ablo_guard on "public"."teams" is 'ablo_pg 4cae9f24';
    drop trigger if exists zz_ablo_truncate on "public"."teams";
    create trigger zz_ablo_truncate before truncate on "public"."teams"
      for each statement execute function ablo.truncate_refuse();
    alter table "public"."teams" enable always trigger zz_ablo_truncate;
    comment on trigger zz_ablo_truncate on "public"."teams" is 'ablo_pg 4cae9f24';
  end if;
end
$ablo$;

-- ======== foreign keys ========
do $ablo$
begin
  if not exists (
    select from pg_catalog.pg_index i
    where i.indrelid = '"public"."folders"'::regclass and i.indisunique and i.indpred is null
    and array(
      select a.attname::text from pg_catalog.pg_attribute a
      where a.attrelid = i.indrelid and a.attnum = any (i.indkey) order by a.attname
    ) = array['id', 'organization_id']::text[]
  ) then
    create unique index "folders_organization_id_id_key" on "public"."folders" ("organization_id", "id");
  end if;
  if not exists (
    select from pg_catalog.pg_constraint c
    where c.conrelid = '"public"."folders"'::regclass and c.conname = 'folders_parent_id_fkey'
      and pg_catalog.obj_description(c.oid, 'pg_constraint') = 'ablo_pg dd26dad8'
  ) then
    alter table "public"."folders"
      drop constraint if exists "folders_parent_id_fkey",
      add constraint "folders_parent_id_fkey" foreign key ("organization_id", "parent_id")
        references "public"."folders" ("organization_id", "id")
        deferrable initially immediate;
    comment on constraint "folders_parent_id_fkey" on "public"."folders" is 'ablo_pg dd26dad8';
  end if;
end
$ablo$;

do $ablo$
begin
  if not exists (
    select from pg_catalog.pg_index i
    where i.indrelid = '"public"."teams"'::regclass and i.indisunique and i.indpred is null
    and array(
      select a.attname::text from pg_catalog.pg_attribute a
      where a.attrelid = i.indrelid and a.attnum = any (i.indkey) order by a.attname
    ) = array['id', 'organization_id']::text[]
  ) then
    create unique index "teams_organization_id_id_key" on "public"."teams" ("organization_id", "id");
  end if;
  if not exists (
    select from pg_catalog.pg_constraint c
    where c.conrelid = '"public"."projects"'::regclass and c.conname = 'projects_team_id_fkey'
      and pg_catalog.obj_description(c.oid, 'pg_constraint') = 'ablo_pg 184ee68e'
  ) then
    alter table "public"."projects"
      drop constraint if exists "projects_team_id_fkey",
      add constraint "projects_team_id_fkey" foreign key ("organization_id", "team_id")
        references "public"."teams" ("organization_id", "id") on delete cascade
        deferrable initially immediate;
    comment on constraint "projects_team_id_fkey" on "public"."projects" is 'ablo_pg 184ee68e';
  end if;
end
$ablo$;

do $ablo$
begin
  if not exists (
    select from pg_catalog.pg_index i
    where i.indrelid = '"public"."projects"'::regclass and i.indisunique and i.indpred is null
    and array(
      select a.attname::text from pg_catalog.pg_attribute a
      where a.attrelid = i.indrelid and a.attnum = any (i.indkey) order by a.attname
    ) = array['id', 'organization_id']::text[]
  ) then
    create unique index "projects_organization_id_id_key" on "public"."projects" ("organization_id", "id");
  end if;
  if not exists (
    select from pg_catalog.pg_constraint c
    where c.conrelid = '"public"."tasks"'::regclass and c.conname = 'tasks_project_id_fkey'
      and pg_catalog.obj_description(c.oid, 'pg_constraint') = 'ablo_pg 499793bb'
  ) then
    alter table "public"."tasks"
      drop constraint if exists "tasks_project_id_fkey",
      add constraint "tasks_project_id_fkey" foreign key ("organization_id", "project_id")
        references "public"."projects" ("organization_id", "id") on delete cascade
        deferrable initially immediate;
    comment on constraint "tasks_project_id_fkey" on "public"."tasks" is 'ablo_pg 499793bb';
  end if;
end
$ablo$;

-- ======== from a model's name to its functions ========
create or replace function ablo_model.resolve(p_name text)
  returns text
  language sql immutable security invoker
as $ablo$
  select coalesce(
    '{"Comment":"Comment","Event":"Event","Event Log":"Event","Project":"Project","Task":"Task","Team":"Team","comment":"Comment","comments":"Comment","countries":"countries","event":"Event","event log":"Event","events":"Event","folders":"folders","invoices":"invoices","notes":"notes","project":"Project","projects":"Project","task":"Task","tasks":"Task","team":"Team","teams":"Team"}'::jsonb ->> p_name,
    '{"Comment":"Comment","Event":"Event","Event Log":"Event","Project":"Project","Task":"Task","Team":"Team","comment":"Comment","comments":"Comment","countries":"countries","event":"Event","event log":"Event","events":"Event","folders":"folders","invoices":"invoices","notes":"notes","project":"Project","projects":"Project","task":"Task","tasks":"Task","team":"Team","teams":"Team"}'::jsonb ->> lower(p_name)
  )
$ablo$;

alter function ablo_model.resolve(text) owner to ablo_owner;

revoke all on function ablo_model.resolve(text) from public;

create or replace function ablo_model.conflict(p_model text, p_kind text)
  returns text
  language sql immutable security invoker
as $ablo$
  select '{"Task":{"agent":"reject"}}'::jsonb -> p_model ->> p_kind
$ablo$;

alter function ablo_model.conflict(text, text) owner to ablo_owner;

revoke all on function ablo_model.conflict(text, text) from public;

create or replace function ablo_model.write(p_model text, p_action text, p_id text, p_data jsonb)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
begin
  if p_model < 'Team' collate "C" then
    if p_model = 'Comment' then
      return ablo_model."comments__write"(p_action, p_id, p_data);
    end if;
    if p_model = 'Event' then
      return ablo_model."events__write"(p_action, p_id, p_data);
    end if;
    if p_model = 'Project' then
      return ablo_model."projects__write"(p_action, p_id, p_data);
    end if;
    if p_model = 'Task' then
      return ablo_model."tasks__write"(p_action, p_id, p_data);
    end if;
  else
    if p_model = 'Team' then
      return ablo_model."teams__write"(p_action, p_id, p_data);
    end if;
    if p_model = 'countries' then
      perform ablo.raise_error('model_not_tenant_scoped',
        'countries is shared by all, and is not written here',
        'give the model a tenancy column, or write it where it lives',
        jsonb_build_object('model', 'countries'));
    end if;
    if p_model = 'folders' then
      return ablo_model."folders__write"(p_action, p_id, p_data);
    end if;
    if p_model = 'invoices' then
      perform ablo.raise_error('model_not_tenant_scoped',
        'invoices is behind a data source, and is not written here',
        'give the model a tenancy column, or write it where it lives',
        jsonb_build_object('model', 'invoices'));
    end if;
    if p_model = 'notes' then
      return ablo_model."notes__write"(p_action, p_id, p_data);
    end if;
  end if;
  perform ablo.model_unknown(p_model);
  return false;
end
$ablo$;

alter function ablo_model.write(text, text, text, jsonb) owner to ablo_owner;

revoke all on function ablo_model.write(text, text, text, jsonb) from public;

create or replace function ablo_model.read(p_model text, p_id text)
  returns json
  language plpgsql stable security invoker
as $ablo$
begin
  if p_model < 'Team' collate "C" then
    if p_model = 'Comment' then
      return ablo_model."comments__read"(p_id);
    end if;
    if p_model = 'Event' then
      return ablo_model."events__read"(p_id);
    end if;
    if p_model = 'Project' then
      return ablo_model."projects__read"(p_id);
    end if;
    if p_model = 'Task' then
      return ablo_model."tasks__read"(p_id);
    end if;
  else
    if p_model = 'Team' then
      return ablo_model."teams__read"(p_id);
    end if;
    if p_model = 'countries' then
      return ablo_model."countries__read"(p_id);
    end if;
    if p_model = 'folders' then
      return ablo_model."folders__read"(p_id);
    end if;
    if p_model = 'invoices' then
      perform ablo.raise_error('model_not_tenant_scoped',
        'invoices is behind a data source, and is not written here',
        'give the model a tenancy column, or write it where it lives',
        jsonb_build_object('model', 'invoices'));
    end if;
    if p_model = 'notes' then
      return ablo_model."notes__read"(p_id);
    end if;
  end if;
  perform ablo.model_unknown(p_model);
  return null;
end
$ablo$;

alter function ablo_model.read(text, text) owner to ablo_owner;

revoke all on function ablo_model.read(text, text) from public;

create or replace function ablo_model.lock(p_model text, p_id text)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
begin
  if p_model < 'Team' collate "C" then
    if p_model = 'Comment' then
      return ablo_model."comments__lock"(p_id);
    end if;
    if p_model = 'Event' then
      return ablo_model."events__lock"(p_id);
    end if;
    if p_model = 'Project' then
      return ablo_model."projects__lock"(p_id);
    end if;
    if p_model = 'Task' then
      return ablo_model."tasks__lock"(p_id);
    end if;
  else
    if p_model = 'Team' then
      return ablo_model."teams__lock"(p_id);
    end if;
    if p_model = 'countries' then
      perform ablo.raise_error('model_not_tenant_scoped',
        'countries is shared by all, and is not written here',
        'give the model a tenancy column, or write it where it lives',
        jsonb_build_object('model', 'countries'));
    end if;
    if p_model = 'folders' then
      return ablo_model."folders__lock"(p_id);
    end if;
    if p_model = 'invoices' then
      perform ablo.raise_error('model_not_tenant_scoped',
        'invoices is behind a data source, and is not written here',
        'give the model a tenancy column, or write it where it lives',
        jsonb_build_object('model', 'invoices'));
    end if;
    if p_model = 'notes' then
      return ablo_model."notes__lock"(p_id);
    end if;
  end if;
  perform ablo.model_unknown(p_model);
  return false;
end
$ablo$;

alter function ablo_model.lock(text, text) owner to ablo_owner;

revoke all on function ablo_model.lock(text, text) from public;

create or replace function ablo_model.setwise(p_model text)
  returns boolean
  language sql immutable security invoker
as $ablo$
  select p_model = any (array['Project', 'Team', 'folders', 'notes']::text[])
$ablo$;

alter function ablo_model.setwise(text) owner to ablo_owner;

revoke all on function ablo_model.setwise(text) from public;

create or replace function ablo_model.many(p_model text, p_action text, p_organization text, p_now timestamptz, p_ords int[], p_ids text[], p_items jsonb[], p_participants text[])
  returns table (ord int, op text, row_id text, groups text[], left_groups text[], "row" json, changed text[])
  language plpgsql volatile security invoker
as $ablo$
begin
  if p_model = 'Project' then
    lock table only "public"."projects" in row exclusive mode;
    if ablo.table_plain('"public"."projects"'::regclass, p_action = 'delete') then
      return query select * from ablo_model."projects__many"(p_action, p_organization, p_now, p_ords, p_ids, p_items, p_participants);
    end if;
    return;
  end if;
  if p_model = 'Team' then
    lock table only "public"."teams" in row exclusive mode;
    if ablo.table_plain('"public"."teams"'::regclass, p_action = 'delete') then
      return query select * from ablo_model."teams__many"(p_action, p_organization, p_now, p_ords, p_ids, p_items, p_participants);
    end if;
    return;
  end if;
  if p_model = 'folders' then
    lock table only "public"."folders" in row exclusive mode;
    if ablo.table_plain('"public"."folders"'::regclass, p_action = 'delete') then
      return query select * from ablo_model."folders__many"(p_action, p_organization, p_now, p_ords, p_ids, p_items, p_participants);
    end if;
    return;
  end if;
  if p_model = 'notes' then
    lock table only "public"."notes" in row exclusive mode;
    if ablo.table_plain('"public"."notes"'::regclass, p_action = 'delete') then
      return query select * from ablo_model."notes__many"(p_action, p_organization, p_now, p_ords, p_ids, p_items, p_participants);
    end if;
    return;
  end if;
end
$ablo$;

alter function ablo_model.many(text, text, text, timestamptz, int[], text[], jsonb[], text[]) owner to ablo_owner;

revoke all on function ablo_model.many(text, text, text, timestamptz, int[], text[], jsonb[], text[]) from public;

do $ablo$
begin
  if exists (select from pg_catalog.pg_roles where rolname = 'ablo_writer') then
    grant execute on all functions in schema ablo_model to ablo_writer;
  end if;
end
$ablo$;

-- ======== registration ========
select ablo.schema_register(
$json${"v":3,"models":{"comments":{"fields":{"body":{"type":"string","isOptional":false,"isIndexed":false},"taskId":{"type":"string","isOptional":false,"isIndexed":false}},"relations":{"task":{"type":"belongsTo","target":"tasks","foreignKey":"taskId","options":{"parent":true}}},"load":"instant","typename":"Comment","tableName":"comments","tenancy":{"kind":"parent","via":{"localKey":"task_id","parentTable":"tasks"}},"plane":"tenant","mutable":true},"countries":{"fields":{"name":{"type":"string","isOptional":false,"isIndexed":false}},"relations":{},"load":"instant","typename":"countries","tableName":"countries","tenancy":{"kind":"none"},"plane":"tenant","mutable":true},"events":{"fields":{"kind":{"type":"string","isOptional":false,"isIndexed":false,"column":"Kind of \"event\""},"payload":{"type":"json","isOptional":true,"isIndexed":false}},"relations":{},"load":"instant","typename":"Event","tableName":"Event Log","tenancy":{"kind":"column","column":"tenant"},"plane":"tenant","mutable":false,"tableSchema":"crm"},"folders":{"fields":{"name":{"type":"string","isOptional":false,"isIndexed":false},"parentId":{"type":"string","isOptional":true,"isIndexed":false}},"relations":{"parent":{"type":"belongsTo","target":"folders","foreignKey":"parentId","options":{"fk":true}}},"load":"instant","typename":"folders","tableName":"folders","tenancy":{"kind":"column","column":"organization_id"},"plane":"tenant","mutable":true},"invoices":{"fields":{"total":{"type":"number","isOptional":false,"isIndexed":false}},"relations":{},"load":"instant","typename":"invoices","tableName":"invoices","tenancy":{"kind":"source"},"plane":"tenant","mutable":true,"claimsBindSql":true},"notes":{"fields":{"text":{"type":"string","isOptional":true,"isIndexed":false},"archivedAt":{"type":"date","isOptional":true,"isIndexed":false}},"relations":{},"load":"instant","typename":"notes","tableName":"notes","tenancy":{"kind":"column","column":"organization_id"},"plane":"tenant","mutable":true},"projects":{"fields":{"name":{"type":"string","isOptional":false,"isIndexed":true},"teamId":{"type":"string","isOptional":true,"isIndexed":false}},"relations":{"team":{"type":"belongsTo","target":"teams","foreignKey":"teamId","options":{"parent":true,"fk":true}}},"load":"instant","typename":"Project","tableName":"projects","tenancy":{"kind":"column","column":"organization_id"},"plane":"tenant","mutable":true},"tasks":{"fields":{"title":{"type":"string","isOptional":false,"isIndexed":false},"status":{"type":"enum","isOptional":false,"isIndexed":false,"enumValues":["todo","in progress","it's done","\"quoted\\"]},"priority":{"type":"enum","isOptional":false,"isIndexed":false,"enumValues":["low","high"],"default":"low"},"projectId":{"type":"string","isOptional":true,"isIndexed":false},"assignee":{"type":"string","isOptional":true,"isIndexed":false},"watchers":{"type":"json","isOptional":true,"isIndexed":false},"count":{"type":"number","isOptional":true,"isIndexed":false,"format":"integer"},"ratio":{"type":"number","isOptional":true,"isIndexed":false},"price":{"type":"string","isOptional":true,"isIndexed":false,"format":"decimal"},"done":{"type":"boolean","isOptional":false,"isIndexed":false,"default":false},"startsAt":{"type":"date","isOptional":true,"isIndexed":false},"dueOn":{"type":"string","isOptional":true,"isIndexed":true,"format":"date"},"ref":{"type":"string","isOptional":true,"isIndexed":false,"format":"uuid"},"meta":{"type":"json","isOptional":false,"isIndexed":false,"default":{"a":[1,"x"]}}},"relations":{"project":{"type":"belongsTo","target":"projects","foreignKey":"projectId","options":{"parent":true,"fk":true}}},"load":"instant","typename":"Task","tableName":"tasks","tenancy":{"kind":"column","column":"organization_id"},"plane":"tenant","mutable":true,"scope":"work","entityRoles":[{"kind":"user","source":{"field":"assignee","multi":false}},{"kind":"watcher","source":{"field":"watchers","multi":true}}],"conflict":{"agent":"reject"}},"teams":{"fields":{"name":{"type":"string","isOptional":false,"isIndexed":false}},"relations":{},"load":"instant","typename":"Team","tableName":"teams","tenancy":{"kind":"column","column":"organization_id"},"plane":"tenant","mutable":true}},"identityRoles":[]}$json$::json,
'd8178920',
$json$[{"key":"comments","typename":"Comment","tableSchema":"public","table":"comments","orgColumn":"organization_id","tenancy":"parent","groupKind":"comment","conflict":{},"mutable":true,"load":"instant","archivedColumn":"archived_at","rowFunction":"comments__row","groupsFunction":"comments__groups","idType":"text","fields":[{"wire":"id","column":"id","type":"string","optional":false},{"wire":"createdAt","column":"created_at","type":"datetime","optional":false},{"wire":"updatedAt","column":"updated_at","type":"datetime","optional":false},{"wire":"organizationId","column":"organization_id","type":"string","optional":false},{"wire":"createdBy","column":"created_by","type":"string","optional":true},{"wire":"archivedAt","column":"archived_at","type":"datetime","optional":true},{"wire":"body","column":"body","type":"string","optional":false},{"wire":"taskId","column":"task_id","type":"string","optional":false}]},{"key":"countries","typename":"countries","tableSchema":"public","table":"countries","orgColumn":null,"tenancy":"none","groupKind":"countries","conflict":{},"mutable":true,"load":"instant","archivedColumn":"archived_at","rowFunction":"countries__row","groupsFunction":null,"idType":"text","fields":[{"wire":"id","column":"id","type":"string","optional":false},{"wire":"createdAt","column":"created_at","type":"datetime","optional":false},{"wire":"updatedAt","column":"updated_at","type":"datetime","optional":false},{"wire":"createdBy","column":"created_by","type":"string","optional":true},{"wire":"archivedAt","column":"archived_at","type":"datetime","optional":true},{"wire":"name","column":"name","type":"string","optional":false}]},{"key":"events","typename":"Event","tableSchema":"crm","table":"Event Log","orgColumn":"tenant","tenancy":"column","groupKind":"event","conflict":{},"mutable":false,"load":"instant","archivedColumn":"archived_at","rowFunction":"events__row","groupsFunction":"events__groups","idType":"text","fields":[{"wire":"id","column":"id","type":"string","optional":false},{"wire":"createdAt","column":"created_at","type":"datetime","optional":false},{"wire":"updatedAt","column":"updated_at","type":"datetime","optional":false},{"wire":"organizationId","column":"tenant","type":"string","optional":false},{"wire":"createdBy","column":"created_by","type":"string","optional":true},{"wire":"archivedAt","column":"archived_at","type":"datetime","optional":true},{"wire":"kind","column":"Kind of \"event\"","type":"string","optional":false},{"wire":"payload","column":"payload","type":"json","optional":true}]},{"key":"folders","typename":"folders","tableSchema":"public","table":"folders","orgColumn":"organization_id","tenancy":"column","groupKind":"folders","conflict":{},"mutable":true,"load":"instant","archivedColumn":"archived_at","rowFunction":"folders__row","groupsFunction":"folders__groups","idType":"text","fields":[{"wire":"id","column":"id","type":"string","optional":false},{"wire":"createdAt","column":"created_at","type":"datetime","optional":false},{"wire":"updatedAt","column":"updated_at","type":"datetime","optional":false},{"wire":"organizationId","column":"organization_id","type":"string","optional":false},{"wire":"createdBy","column":"created_by","type":"string","optional":true},{"wire":"archivedAt","column":"archived_at","type":"datetime","optional":true},{"wire":"name","column":"name","type":"string","optional":false},{"wire":"parentId","column":"parent_id","type":"string","optional":true}]},{"key":"invoices","typename":"invoices","tableSchema":"public","table":"invoices","orgColumn":null,"tenancy":"source","groupKind":"invoices","conflict":{},"mutable":true,"load":"instant","archivedColumn":"archived_at","rowFunction":"invoices__row","groupsFunction":null,"idType":"text","fields":[{"wire":"id","column":"id","type":"string","optional":false},{"wire":"createdAt","column":"created_at","type":"datetime","optional":false},{"wire":"updatedAt","column":"updated_at","type":"datetime","optional":false},{"wire":"createdBy","column":"created_by","type":"string","optional":true},{"wire":"archivedAt","column":"archived_at","type":"datetime","optional":true},{"wire":"total","column":"total","type":"number","optional":false}]},{"key":"notes","typename":"notes","tableSchema":"public","table":"notes","orgColumn":"organization_id","tenancy":"column","groupKind":"notes","conflict":{},"mutable":true,"load":"instant","archivedColumn":"archived_at","rowFunction":"notes__row","groupsFunction":"notes__groups","idType":"text","fields":[{"wire":"id","column":"id","type":"string","optional":false},{"wire":"createdAt","column":"created_at","type":"datetime","optional":false},{"wire":"updatedAt","column":"updated_at","type":"datetime","optional":false},{"wire":"organizationId","column":"organization_id","type":"string","optional":false},{"wire":"createdBy","column":"created_by","type":"string","optional":true},{"wire":"text","column":"text","type":"string","optional":true},{"wire":"archivedAt","column":"archived_at","type":"datetime","optional":true}]},{"key":"projects","typename":"Project","tableSchema":"public","table":"projects","orgColumn":"organization_id","tenancy":"column","groupKind":"project","conflict":{},"mutable":true,"load":"instant","archivedColumn":"archived_at","rowFunction":"projects__row","groupsFunction":"projects__groups","idType":"text","fields":[{"wire":"id","column":"id","type":"string","optional":false},{"wire":"createdAt","column":"created_at","type":"datetime","optional":false},{"wire":"updatedAt","column":"updated_at","type":"datetime","optional":false},{"wire":"organizationId","column":"organization_id","type":"string","optional":false},{"wire":"createdBy","column":"created_by","type":"string","optional":true},{"wire":"archivedAt","column":"archived_at","type":"datetime","optional":true},{"wire":"name","column":"name","type":"string","optional":false},{"wire":"teamId","column":"team_id","type":"string","optional":true}]},{"key":"tasks","typename":"Task","tableSchema":"public","table":"tasks","orgColumn":"organization_id","tenancy":"column","groupKind":"work","conflict":{"agent":"reject"},"mutable":true,"load":"instant","archivedColumn":"archived_at","rowFunction":"tasks__row","groupsFunction":"tasks__groups","idType":"text","fields":[{"wire":"id","column":"id","type":"string","optional":false},{"wire":"createdAt","column":"created_at","type":"datetime","optional":false},{"wire":"updatedAt","column":"updated_at","type":"datetime","optional":false},{"wire":"organizationId","column":"organization_id","type":"string","optional":false},{"wire":"createdBy","column":"created_by","type":"string","optional":true},{"wire":"archivedAt","column":"archived_at","type":"datetime","optional":true},{"wire":"title","column":"title","type":"string","optional":false},{"wire":"status","column":"status","type":"enum","optional":false,"enumValues":["todo","in progress","it's done","\"quoted\\"]},{"wire":"priority","column":"priority","type":"enum","optional":false,"enumValues":["low","high"]},{"wire":"projectId","column":"project_id","type":"string","optional":true},{"wire":"assignee","column":"assignee","type":"string","optional":true},{"wire":"watchers","column":"watchers","type":"json","optional":true},{"wire":"count","column":"count","type":"integer","optional":true},{"wire":"ratio","column":"ratio","type":"number","optional":true},{"wire":"price","column":"price","type":"decimal","optional":true},{"wire":"done","column":"done","type":"boolean","optional":false},{"wire":"startsAt","column":"starts_at","type":"datetime","optional":true},{"wire":"dueOn","column":"due_on","type":"date","optional":true},{"wire":"ref","column":"ref","type":"uuid","optional":true},{"wire":"meta","column":"meta","type":"json","optional":false}]},{"key":"teams","typename":"Team","tableSchema":"public","table":"teams","orgColumn":"organization_id","tenancy":"column","groupKind":"team","conflict":{},"mutable":true,"load":"instant","archivedColumn":"archived_at","rowFunction":"teams__row","groupsFunction":"teams__groups","idType":"text","fields":[{"wire":"id","column":"id","type":"string","optional":false},{"wire":"createdAt","column":"created_at","type":"datetime","optional":false},{"wire":"updatedAt","column":"updated_at","type":"datetime","optional":false},{"wire":"organizationId","column":"organization_id","type":"string","optional":false},{"wire":"createdBy","column":"created_by","type":"string","optional":true},{"wire":"archivedAt","column":"archived_at","type":"datetime","optional":true},{"wire":"name","column":"name","type":"string","optional":false}]}]$json$::jsonb
);

commit;
