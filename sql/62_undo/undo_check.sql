create or replace function ablo.undo_check(p_choice jsonb) returns void
language plpgsql stable
as $$
  -- Refuse what names no changes to undo, or not one kind of them.
  -- Called by: ablo.undo_plan. Raises: invalid_request, with the field.
declare
  v_kinds text[] := array(select k from unnest(array['commit', 'claim', 'actor', 'model']) k where p_choice ->> k is not null);
  v_field text;
begin
  select k into v_field from jsonb_object_keys(case jsonb_typeof(p_choice) when 'object' then p_choice else '{}' end) k
   where k <> all (array['commit', 'claim', 'actor', 'model', 'id', 'after', 'since']) limit 1;
  if jsonb_typeof(p_choice) is distinct from 'object' or cardinality(v_kinds) <> 1 or v_field is not null
    or 'model' = any (v_kinds) <> (p_choice ->> 'id' is not null)
  then
    perform ablo.raise_error('invalid_request', 'an undo names one kind of changes',
      'pass one of {"commit"}, {"claim"}, {"actor", "since" or "after"}, {"model", "id", "after" or "since"}',
      jsonb_build_object('field', coalesce(v_field, 'commit')));
  elsif v_kinds <@ array['actor', 'model'] and (p_choice ->> 'after' is null) = (p_choice ->> 'since' is null) then
    perform ablo.raise_error('invalid_request', 'an undo of what a participant did, or of a row, begins somewhere',
      'pass either "after", a sync id, or "since", a time', '{"field": "since"}');
  elsif p_choice ->> 'after' is not null and (jsonb_typeof(p_choice -> 'after') <> 'number' or p_choice ->> 'after' !~ '^\d{1,18}$') then
    perform ablo.raise_error('invalid_request', format('%s is not a position of the log', left(p_choice ->> 'after', 80)),
      'pass a sync id', '{"field": "after"}');
  elsif p_choice ->> 'since' is not null and not ablo.text_is(p_choice ->> 'since', 'timestamptz') then
    perform ablo.raise_error('invalid_request', 'since is not a time', 'pass ISO 8601: 2026-01-01T00:00:00Z', '{"field": "since"}');
  end if;
end
$$;
