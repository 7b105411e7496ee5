create or replace function ablo.actor_json(p_actor text) returns jsonb
language sql immutable parallel safe
as $$
  -- An actor `kind:id` as {"kind", "id"}. Called by: notifications and stale errors.
  select jsonb_build_object('kind', split_part(p_actor, ':', 1), 'id', substr(p_actor, position(':' in p_actor) + 1))
$$;
