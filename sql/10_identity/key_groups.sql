create or replace function ablo.key_groups(p_groups jsonb, p_organization text) returns text[]
language plpgsql immutable
as $$
  -- The sync groups of a key as they are stored: `kind:id`, each once. Null means all of the organization's,
  -- and so does a list that names the organization itself (org:<id>, or default).
  -- Called by: ablo.key_create, ablo.key_mint. Raises: invalid_request, capability_scope_denied.
declare
  v_item jsonb;
  v_group text;
  v_groups text[] := '{}';
begin
  if coalesce(p_groups, 'null') = 'null' then
    return null;
  elsif jsonb_typeof(p_groups) <> 'array' or jsonb_array_length(p_groups) > 200 then
    perform ablo.raise_error('invalid_request', 'syncGroups is not a list of at most 200',
      'pass for example ["project:p1"]', '{"field": "syncGroups"}');
  end if;
  for v_item in select e from jsonb_array_elements(p_groups) e loop
    v_group := case when v_item = '"default"' then 'org:' || p_organization else v_item #>> '{}' end;
    if jsonb_typeof(v_item) <> 'string' or v_group !~ '^[^:[:space:]]+:.' or octet_length(v_group) > 512 then
      perform ablo.raise_error('invalid_request', format('%s is not a sync group', left(v_item::text, 80)),
        'write kind:id, for example project:p1', '{"field": "syncGroups"}');
    elsif v_group like 'org:%' and v_group <> 'org:' || p_organization then
      perform ablo.raise_error('capability_scope_denied',
        format('%s is the group of another organization', quote_literal(left(v_group, 80))),
        'leave it out: a key sees groups of its own organization', '{"field": "syncGroups"}');
    end if;
    v_groups := v_groups || v_group;
  end loop;
  return case when 'org:' || p_organization <> all (v_groups)
    then array(select distinct g from unnest(v_groups) g order by g) end;
end
$$;
