create or replace function ablo.key_operations(p_operations jsonb, p_prefix text, p_strict boolean) returns text[]
language plpgsql stable
as $$
  -- The operations of a key as they are stored: lower-case typename and verb, each once; null means all. A
  -- publishable key can only read. p_strict: a model that the active schema lacks is refused, since a mistyped
  -- name would silently grant nothing; before the first push any name is accepted. Programs that mint are not
  -- checked: their schema may be ahead of the pushed one.
  -- Called by: ablo.key_create, ablo.key_mint. Raises: invalid_request, server_execute_unknown_model,
  -- capability_scope_denied.
declare
  v_item jsonb;
  v_parts text[];
  v_typename text;
  v_operations text[] := '{}';
begin
  if coalesce(p_operations, 'null') = 'null' then
    return case when p_prefix = 'pk' then array['*.read'] end;
  elsif jsonb_typeof(p_operations) <> 'array' or jsonb_array_length(p_operations) > 1000 then
    perform ablo.raise_error('invalid_request', 'operations is not a list of at most 1000',
      'pass for example ["task.read", "task.update"]', '{"field": "operations"}');
  end if;
  for v_item in select e from jsonb_array_elements(p_operations) e loop
    v_parts := case when jsonb_typeof(v_item) = 'string'
      then regexp_match(v_item #>> '{}', '^([^.[:space:]]{1,128})\.(read|create|update|delete)$') end;
    if v_parts is null then
      perform ablo.raise_error('invalid_request', format('%s is not an operation', left(v_item::text, 80)),
        'write <model>.<read|create|update|delete>, for example task.update', '{"field": "operations"}');
    elsif p_prefix = 'pk' and v_parts[2] <> 'read' then
      perform ablo.raise_error('capability_scope_denied',
        format('a publishable key cannot hold %s: it only reads', left(v_item #>> '{}', 80)),
        'make an rk_ or ek_ key for writers', '{"field": "operations"}');
    end if;
    v_typename := ablo_model.resolve(v_parts[1]);
    if p_strict and v_typename is null and v_parts[1] <> '*' and exists (select from ablo.model) then
      perform ablo.model_unknown(v_parts[1]);
    end if;
    v_operations := v_operations || (lower(coalesce(v_typename, v_parts[1])) || '.' || v_parts[2]);
  end loop;
  return array(select distinct o from unnest(v_operations) o order by o);
end
$$;
