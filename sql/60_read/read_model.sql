create or replace function ablo.read_model(p_model text) returns ablo.model
language plpgsql stable
as $$
  -- The model of that name. Called by: entry points that name one. Raises: server_execute_unknown_model.
declare
  v_model ablo.model;
begin
  select * into v_model from ablo.model m where m.typename = ablo_model.resolve(p_model);
  if v_model.typename is null then
    perform ablo.model_unknown(p_model);
  end if;
  return v_model;
end
$$;
