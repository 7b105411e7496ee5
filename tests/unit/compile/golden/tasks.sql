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
    select from unnest(array['created_at', 'updated_at', 'organization_id', 'created_by', 'archived_at', 'title', 'status']::text[]) n (name)
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
      add column if not exists "status" text;
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
        ('status', 'status', array['text', 'varchar', 'bpchar', 'citext']::text[])
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
        and pg_catalog.obj_description(c.oid, 'pg_constraint') = 'ablo_pg d1ccc0d1'
    ) then
      alter table "public"."tasks"
        drop constraint if exists "tasks_status_enum",
        add constraint "tasks_status_enum" check ("status" = any ('{"todo","doing","done"}'));
      comment on constraint "tasks_status_enum" on "public"."tasks" is 'ablo_pg d1ccc0d1';
    end if;
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
    'status', r."status"::text
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

-- tasks: groups of a row
create or replace function ablo_model."tasks__groups"(r "public"."tasks")
  returns text[]
  language sql stable security invoker
as $ablo$
select array['org:' || r."organization_id", 'tasks:' || r."id"]
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
  v_entered text[];
  v_row json;
  v_changed text[];
  v_pairs text;
  v_before json;
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
      v_groups := array['org:' || old."organization_id", 'tasks:' || old."id"];
      begin
        v_before := pg_catalog.json_build_object(
          'id', old."id"::text,
          'createdAt', old."created_at"::timestamptz,
          'updatedAt', old."updated_at"::timestamptz,
          'organizationId', old."organization_id"::text,
          'createdBy', old."created_by"::text,
          'archivedAt', old."archived_at"::timestamptz,
          'title', old."title"::text,
          'status', old."status"::text
        );
      exception when undefined_column then
        select d.before into v_before
        from ablo.row_drifted('tasks', tg_relid, to_jsonb(old), null) d;
      end;
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
        'status', new."status"::text
      );
        if not v_made then
          v_changed := array['updatedAt'];
          v_pairs := '"updatedAt" : ' || coalesce(to_json(old."updated_at"::timestamptz)::text, 'null');
          if old."created_at" is distinct from new."created_at" then
            v_changed := v_changed || array['createdAt'];
            v_pairs := v_pairs || ', ' || '"createdAt" : ' || coalesce(to_json(old."created_at"::timestamptz)::text, 'null');
          end if;
          if old."created_by"::text collate "C" is distinct from new."created_by"::text collate "C" then
            v_changed := v_changed || array['createdBy'];
            v_pairs := v_pairs || ', ' || '"createdBy" : ' || coalesce(to_json(old."created_by"::text)::text, 'null');
          end if;
          if old."archived_at" is distinct from new."archived_at" then
            v_changed := v_changed || array['archivedAt'];
            v_pairs := v_pairs || ', ' || '"archivedAt" : ' || coalesce(to_json(old."archived_at"::timestamptz)::text, 'null');
          end if;
          if old."title"::text collate "C" is distinct from new."title"::text collate "C" then
            v_changed := v_changed || array['title'];
            v_pairs := v_pairs || ', ' || '"title" : ' || coalesce(to_json(old."title"::text)::text, 'null');
          end if;
          if old."status"::text collate "C" is distinct from new."status"::text collate "C" then
            v_changed := v_changed || array['status'];
            v_pairs := v_pairs || ', ' || '"status" : ' || coalesce(to_json(old."status"::text)::text, 'null');
          end if;
          v_before := ('{' || v_pairs || '}')::json;
        end if;
      exception when undefined_column then
        select d.row_json, d.changed, d.before into v_row, v_changed, v_before
        from ablo.row_drifted('tasks', tg_relid, case when not v_made then to_jsonb(old) end, to_jsonb(new)) d;
      end;
      v_groups := array['org:' || new."organization_id", 'tasks:' || new."id"];
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
      actor, on_behalf_of, capability_id, claim_id, transaction_id, xid, created_at, left_groups,
      before, entered_groups
    )
    values (
      nextval('ablo.sync_id'), v_organization, 'tasks', v_id, v_op, v_groups, v_row, v_changed,
      coalesce(nullif(current_setting('ablo.writer', true), ''), 'system:' || session_user),
      nullif(current_setting('ablo.on_behalf_of', true), ''),
      nullif(current_setting('ablo.capability_id', true), ''),
      ablo.claim_of('tasks', v_id),
      ablo.transaction_of('tasks', v_id),
      pg_current_xact_id(), clock_timestamp(), v_left, v_before, v_entered
    );
    if current_setting('ablo.row', true) <> '' then
      v_done := set_config('ablo.row', 'tasks' || ':' || v_id || e'\x1f{"row" : '
        || coalesce(v_row::text, 'null') || ', "stamp" : ' || currval('ablo.sync_id') || '}', true);
    end if;
    exit when not v_gone or new."organization_id" is null;
    v_gone := false;
    v_made := true;
    v_before := null;
    v_entered := null;
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

alter function ablo_model."tasks__guard"() owner to ablo_owner;

revoke all on function ablo_model."tasks__guard"() from public;

-- tasks: writes
create or replace function ablo_model."tasks__explain"(p_action text, p_id text, p_data jsonb)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
declare
  v_fields constant jsonb := '{"status":{"required":true,"type":"enum","values":["todo","doing","done"]},"title":{"required":true,"type":"string"}}';
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
    if v_id::text <> p_id then
      perform ablo.raise_error('invalid_id',
        'tasks' || ': the id is ' || quote_literal(v_id::text) || ', not ' || quote_literal(left(p_id, 80)),
        'pass the id as it was read',
        jsonb_build_object('model', 'tasks', 'field', 'id'));
    end if;
  end if;
  if p_action = 'update' then
    if (
      jsonb_typeof(p_data) = 'object'
      and pg_column_size(p_data) < 1000000
      and p_data - array['title', 'status']::text[] = '{}'
      and (ablo_model.is_string(p_data -> 'title')) is not false
      and (p_data -> 'status' = any (array['"todo"', '"doing"', '"done"']::jsonb[])) is not false
    ) is not true then
      perform ablo_model."tasks__explain"(p_action, p_id, p_data);
    end if;
    update "public"."tasks" t set
      "title" = coalesce(p_data ->> 'title', t."title"),
      "status" = coalesce(p_data ->> 'status', t."status"),
      "updated_at" = greatest(v_now, t."updated_at" + interval '1 millisecond')
    where t."organization_id" = v_organization and t."id" = v_id;
  elsif p_action = 'create' then
    if (
      v_organization is not null
      and p_id <> ''
      and octet_length(p_id) <= 255
      and jsonb_typeof(p_data) = 'object'
      and pg_column_size(p_data) < 1000000
      and p_data - array['title', 'status']::text[] = '{}'
      and ablo_model.is_string(p_data -> 'title')
      and p_data -> 'status' = any (array['"todo"', '"doing"', '"done"']::jsonb[])
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
      "status"
    )
    overriding system value
    values (
      v_id,
      v_organization,
      v_now,
      v_now,
      nullif(current_setting('app.current_participant_id', true), ''),
      p_data ->> 'title',
      p_data ->> 'status'
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
    if v_id::text <> p_id then
      perform ablo.raise_error('invalid_id',
        'tasks' || ': the id is ' || quote_literal(v_id::text) || ', not ' || quote_literal(left(p_id, 80)),
        'pass the id as it was read',
        jsonb_build_object('model', 'tasks', 'field', 'id'));
    end if;
  end if;
  perform from "public"."tasks" t
  where t."organization_id" = v_organization and t."id" = v_id
  for no key update;
  return found;
end
$ablo$;

alter function ablo_model."tasks__lock"(text) owner to ablo_owner;

revoke all on function ablo_model."tasks__lock"(text) from public;

-- tasks: writes of many rows
create or replace function ablo_model."tasks__many"(p_action text, p_organization text, p_now timestamptz, p_ords int[], p_ids text[], p_items jsonb[], p_participants text[])
  returns table (ord int, op text, row_id text, groups text[], left_groups text[], "row" json, changed text[], before json, entered_groups text[])
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $ablo$
#variable_conflict use_variable
begin
  if current_user <> 'ablo_writer' then  -- its changes would be captured too
    return;
  elsif p_action = 'create' then
    return query with i as (
      insert into "public"."tasks" as t (
        "id",
        "organization_id",
        "created_at",
        "updated_at",
        "created_by",
        "title",
        "status"
      )
      select
        b.id,
        p_organization,
        p_now,
        p_now,
        b.participant,
        b.data ->> 'title',
        b.data ->> 'status'
      from unnest(p_ids, p_items, p_participants) b (id, data, participant)
      where b.id <> ''
        and octet_length(b.id) <= 255
        and jsonb_typeof(b.data) = 'object'
        and pg_column_size(b.data) < 1000000
        and b.data - array['title', 'status']::text[] = '{}'
        and ablo_model.is_string(b.data -> 'title')
        and b.data -> 'status' = any (array['"todo"', '"doing"', '"done"']::jsonb[])
      on conflict do nothing
      returning t."id" as id, ablo_model."tasks__groups"(t.*) as groups,
        ablo_model."tasks__row"(t.*) as row_json
    )
    select b.ord, 'I', i.id, i.groups, null::text[], i.row_json, null::text[], null::json,
      null::text[]
    from i join unnest(p_ords, p_ids) b (ord, id) on b.id = i.id;
  elsif p_action = 'delete' then
    return query with o as (
      select b.ord as ablo_ord, b.data as ablo_data, t.ctid as ablo_ctid, t.*
      from unnest(p_ords, p_ids, p_items) b (ord, id, data)
      join "public"."tasks" t on t."organization_id" = p_organization and t."id" = b.id
      for update of t skip locked
    )
    delete from "public"."tasks" t using o where t.ctid = o.ablo_ctid
    returning o.ablo_ord, 'D', t."id", ablo_model."tasks__groups"(t.*),
      null::text[], null::json, null::text[], ablo_model."tasks__row"(t.*), null::text[];
  else
    return query with o as (
      select b.ord as ablo_ord, b.data as ablo_data, t.ctid as ablo_ctid, t.*
      from unnest(p_ords, p_ids, p_items) b (ord, id, data)
      join "public"."tasks" t on t."organization_id" = p_organization and t."id" = b.id
      where jsonb_typeof(b.data) = 'object'
        and pg_column_size(b.data) < 1000000
        and b.data - array['title', 'status']::text[] = '{}'
        and (ablo_model.is_string(b.data -> 'title')) is not false
        and (b.data -> 'status' = any (array['"todo"', '"doing"', '"done"']::jsonb[])) is not false
      for no key update of t skip locked
    )
    update "public"."tasks" t set
      "title" = coalesce(o.ablo_data ->> 'title', t."title"),
      "status" = coalesce(o.ablo_data ->> 'status', t."status"),
      "updated_at" = greatest(p_now, t."updated_at" + interval '1 millisecond'),
      "archived_at" = case p_action
        when 'archive' then coalesce(t."archived_at", p_now)
        when 'update' then t."archived_at"
      end
    from o where t.ctid = o.ablo_ctid
    returning o.ablo_ord,
      case
        when (o."archived_at" is null) = (t."archived_at" is null) then 'U'
        when o."archived_at" is null then 'A'
        else 'V'
      end,
      t."id", ablo_model."tasks__groups"(t.*),
      null::text[],
      ablo_model."tasks__row"(t.*),
      array_remove(array[
        'updatedAt',
        case when o."created_at" is distinct from t."created_at" then 'createdAt' end,
        case when o."created_by"::text collate "C" is distinct from t."created_by"::text collate "C" then 'createdBy' end,
        case when o."archived_at" is distinct from t."archived_at" then 'archivedAt' end,
        case when o."title"::text collate "C" is distinct from t."title"::text collate "C" then 'title' end,
        case when o."status"::text collate "C" is distinct from t."status"::text collate "C" then 'status' end
      ], null),
      ('{' || array_to_string(array[
        '"updatedAt" : ' || coalesce(to_json(o."updated_at"::timestamptz)::text, 'null'),
        case when o."created_at" is distinct from t."created_at" then '"createdAt" : ' || coalesce(to_json(o."created_at"::timestamptz)::text, 'null') end,
        case when o."created_by"::text collate "C" is distinct from t."created_by"::text collate "C" then '"createdBy" : ' || coalesce(to_json(o."created_by"::text)::text, 'null') end,
        case when o."archived_at" is distinct from t."archived_at" then '"archivedAt" : ' || coalesce(to_json(o."archived_at"::timestamptz)::text, 'null') end,
        case when o."title"::text collate "C" is distinct from t."title"::text collate "C" then '"title" : ' || coalesce(to_json(o."title"::text)::text, 'null') end,
        case when o."status"::text collate "C" is distinct from t."status"::text collate "C" then '"status" : ' || coalesce(to_json(o."status"::text)::text, 'null') end
      ], ', ') || '}')::json,
      null::text[];
  end if;
end
$ablo$;

alter function ablo_model."tasks__many"(text, text, timestamptz, int[], text[], jsonb[], text[]) owner to ablo_owner;

revoke all on function ablo_model."tasks__many"(text, text, timestamptz, int[], text[], jsonb[], text[]) from public;

do $ablo$
begin
  if exists (select from pg_catalog.pg_roles where rolname = 'ablo_writer') then
    alter function ablo_model."tasks__many"(text, text, timestamptz, int[], text[], jsonb[], text[]) owner to ablo_writer;
    grant select, insert, update, delete on table "public"."tasks" to ablo_writer;
  end if;
end
$ablo$;

-- tasks: triggers
do $ablo$
begin
  if (
    select count(*) from pg_catalog.pg_trigger t
    where t.tgrelid = '"public"."tasks"'::regclass and t.tgenabled = 'A'
      and t.tgname = any (array['zz_ablo_capture', 'zz_ablo_guard', 'zz_ablo_truncate']::text[])
      and pg_catalog.obj_description(t.oid, 'pg_trigger') = 'ablo_pg 83e97f5e'
  ) <> 3 then
    drop trigger if exists zz_ablo_capture on "public"."tasks";
    create constraint trigger zz_ablo_capture
      after insert or update or delete on "public"."tasks"
      deferrable initially deferred for each row when (current_user <> 'ablo_writer'::text)
      execute function ablo_model."tasks__capture"();
    alter table "public"."tasks" enable always trigger zz_ablo_capture;
    comment on trigger zz_ablo_capture on "public"."tasks" is 'ablo_pg 83e97f5e';
    drop trigger if exists zz_ablo_guard on "public"."tasks";
    create trigger zz_ablo_guard
      before insert or update or delete on "public"."tasks" for each row when (current_user <> 'ablo_writer'::text)
      execute function ablo_model."tasks__guard"();
    alter table "public"."tasks" enable always trigger zz_ablo_guard;
    comment on trigger zz_ablo_guard on "public"."tasks" is 'ablo_pg 83e97f5e';
    drop trigger if exists zz_ablo_truncate on "public"."tasks";
    create trigger zz_ablo_truncate before truncate on "public"."tasks"
      for each statement execute function ablo.truncate_refuse();
    alter table "public"."tasks" enable always trigger zz_ablo_truncate;
    comment on trigger zz_ablo_truncate on "public"."tasks" is 'ablo_pg 83e97f5e';
  end if;
end
$ablo$;

-- ======== from a model's name to its functions ========
create or replace function ablo_model.resolve(p_name text)
  returns text
  language sql immutable security invoker
as $ablo$
  select coalesce(
    '{"tasks":"tasks"}'::jsonb ->> p_name,
    '{"tasks":"tasks"}'::jsonb ->> lower(p_name)
  )
$ablo$;

alter function ablo_model.resolve(text) owner to ablo_owner;

revoke all on function ablo_model.resolve(text) from public;

create or replace function ablo_model.conflict(p_model text, p_kind text)
  returns text
  language sql immutable security invoker
as $ablo$
  select null::text
$ablo$;

alter function ablo_model.conflict(text, text) owner to ablo_owner;

revoke all on function ablo_model.conflict(text, text) from public;

create or replace function ablo_model.write(p_model text, p_action text, p_id text, p_data jsonb)
  returns boolean
  language plpgsql volatile security invoker
as $ablo$
begin
  if p_model = 'tasks' then
    return ablo_model."tasks__write"(p_action, p_id, p_data);
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
  if p_model = 'tasks' then
    return ablo_model."tasks__read"(p_id);
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
  if p_model = 'tasks' then
    return ablo_model."tasks__lock"(p_id);
  end if;
  perform ablo.model_unknown(p_model);
  return false;
end
$ablo$;

alter function ablo_model.lock(text, text) owner to ablo_owner;

revoke all on function ablo_model.lock(text, text) from public;

create or replace function ablo_model.roles()
  returns boolean
  language sql stable security invoker
as $ablo$
  select false
$ablo$;

alter function ablo_model.roles() owner to ablo_owner;

revoke all on function ablo_model.roles() from public;

create or replace function ablo_model.session_settings()
  returns jsonb
  language sql stable security invoker
as $ablo$
  select null::jsonb
$ablo$;

alter function ablo_model.session_settings() owner to ablo_owner;

revoke all on function ablo_model.session_settings() from public;

create or replace function ablo_model.hidden(p_model text, p_actor text)
  returns text[]
  language sql stable security invoker
as $ablo$
  select null::text[]
$ablo$;

alter function ablo_model.hidden(text, text) owner to ablo_owner;

revoke all on function ablo_model.hidden(text, text) from public;

create or replace function ablo_model.setwise(p_model text)
  returns boolean
  language sql stable security invoker
as $ablo$
  select p_model = any (array['tasks']::text[])
$ablo$;

alter function ablo_model.setwise(text) owner to ablo_owner;

revoke all on function ablo_model.setwise(text) from public;

create or replace function ablo_model.many(p_model text, p_action text, p_organization text, p_now timestamptz, p_ords int[], p_ids text[], p_items jsonb[], p_participants text[])
  returns table (ord int, op text, row_id text, groups text[], left_groups text[], "row" json, changed text[], before json, entered_groups text[])
  language plpgsql volatile security invoker
as $ablo$
begin
  if p_model = 'tasks' then
    lock table only "public"."tasks" in row exclusive mode;
    if ablo.table_plain('"public"."tasks"'::regclass, p_action = 'delete') then
      return query select * from ablo_model."tasks__many"(p_action, p_organization, p_now, p_ords, p_ids, p_items, p_participants);
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
$json${"v":3,"models":{"tasks":{"fields":{"title":{"type":"string","isOptional":false,"isIndexed":false},"status":{"type":"enum","isOptional":false,"isIndexed":false,"enumValues":["todo","doing","done"]}},"relations":{},"load":"instant","typename":"tasks","tableName":"tasks","tenancy":{"kind":"column","column":"organization_id"},"plane":"tenant","mutable":true}},"identityRoles":[]}$json$::json,
'5f48d2df',
$json$[{"key":"tasks","typename":"tasks","tableSchema":"public","table":"tasks","orgColumn":"organization_id","tenancy":"column","groupKind":"tasks","conflict":{},"mutable":true,"load":"instant","archivedColumn":"archived_at","rowFunction":"tasks__row","groupsFunction":"tasks__groups","idType":"text","fields":[{"wire":"id","column":"id","type":"string","optional":false},{"wire":"createdAt","column":"created_at","type":"datetime","optional":false},{"wire":"updatedAt","column":"updated_at","type":"datetime","optional":false},{"wire":"organizationId","column":"organization_id","type":"string","optional":false},{"wire":"createdBy","column":"created_by","type":"string","optional":true},{"wire":"archivedAt","column":"archived_at","type":"datetime","optional":true},{"wire":"title","column":"title","type":"string","optional":false},{"wire":"status","column":"status","type":"enum","optional":false,"enumValues":["todo","doing","done"]}]}]$json$::jsonb
);

commit;
