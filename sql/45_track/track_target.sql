create or replace function ablo.track_target(p_organization text, p_track jsonb, out model text, out target text)
language plpgsql stable
as $$
  -- What one item of a request tracks: a model's typename and a row's id, or '' and a group.
  -- Called by: ablo.track_put, ablo.track_remove. Raises: invalid_request, server_execute_unknown_model.
begin
  model := ablo_model.resolve(p_track ->> 'model');
  target := coalesce(p_track ->> 'group', p_track ->> 'id');
  if p_track ->> 'group' is not null then
    model := '';
    target := case when target = 'default' then 'org:' || p_organization else target end;
  elsif jsonb_typeof(p_track) = 'object' and p_track ->> 'model' is not null and model is null then
    perform ablo.model_unknown(p_track ->> 'model');
  end if;
  if model <> '' then
    target := ablo.row_id((select m.id_type from ablo.model m where m.typename = model), target);
  end if;
  if model is null or target is null or octet_length(target) not between 1 and 512
    or model = '' and p_track ->> 'id' is not null
  then
    perform ablo.raise_error('invalid_request', format('%s tracks neither a row nor a group', left(p_track::text, 80)),
      'pass {"model", "id"} or {"group": "kind:id"}', '{"field": "track"}');
  end if;
end
$$;
