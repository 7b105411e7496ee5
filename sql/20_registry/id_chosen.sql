create or replace function ablo.id_chosen(p_model text, p_id text) returns void
language plpgsql stable
as $$
  -- Refuse an id that a caller behind a relay chooses and others could guess, in a table where ids are unique
  -- across organizations: the answer to a create would reveal whether another organization uses it. A UUID cannot
  -- be guessed; a table that numbers its rows uses the next number.
  -- Called by: ablo.commit_apply. Locks: none. One probe by key, and none for a UUID. Raises: invalid_id.
declare
  v_model ablo.model;
  v_numbered boolean;
begin
  if p_id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
    return;
  end if;
  select * into v_model from ablo.model m where m.typename = p_model and m.id_shared;
  if v_model.typename is null then
    return;
  end if;
  if v_model.id_type = 'bigint' then
    v_numbered := ablo.id_sequence(to_regclass(format('%I.%I', v_model.table_schema, v_model.table_name)),
      ablo.id_column(v_model)) is not null;
    if not v_numbered then  -- only numbers are possible
      return;
    end if;
  end if;
  perform ablo.raise_error('invalid_id',
    format('%s: ids of table %I.%I are unique across organizations, and %L could be guessed',
      v_model.key, v_model.table_schema, v_model.table_name, left(p_id, 80)),
    case when v_numbered then 'create the row without an id: it gets the next number' else 'choose a UUID' end,
    jsonb_build_object('model', v_model.key, 'field', 'id'));
end
$$;
