create or replace function ablo.granted_groups(p_organization text, p_user text) returns text[]
language plpgsql stable
as $$
  -- The groups that rows of the schema's granting models give a user, a group as often as rows give it. Archived
  -- rows give nothing.
  -- Called by: ablo.sight_groups, ablo.sight_at. EXECUTE: only for users whose groups depend on rows.
declare
  v_before text := coalesce(current_setting('app.current_org_id', true), '');
  v_rule record;
  v_some text[];
  v_groups text[] := '{}';
  v_done text := set_config('app.current_org_id', p_organization, true);  -- the policies bind the owner too
begin
  for v_rule in
    select m.*, g.value ->> 'subject' as subject, g.value ->> 'scope' as scope, g.value ->> 'kind' as kind, f.column_type
      from ablo.sight_rule s, jsonb_each(s.grants) g
      join ablo.model m on m.typename = g.key
      left join ablo.field f on f.typename = g.key and f.column_name = g.value ->> 'subject'
  loop
    execute format('select array_agg(%L || t.%I) from %I.%I t where t.%I = $1 and t.%I%s = $2 and t.%I is not null and t.%I is null',
        v_rule.kind || ':', v_rule.scope, v_rule.table_schema, v_rule.table_name, v_rule.org_column, v_rule.subject,
        case when v_rule.column_type in ('text', 'character varying') then '' else '::text' end, v_rule.scope,
        v_rule.archived_column)
      into v_some using p_organization, p_user;
    v_groups := v_groups || v_some;
  end loop;
  v_done := set_config('app.current_org_id', v_before, true);
  return v_groups;
end
$$;
