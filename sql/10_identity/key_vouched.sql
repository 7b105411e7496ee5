create or replace function ablo.key_vouched(p_key ablo.api_key) returns ablo.api_key
language plpgsql stable
as $$
  -- The key in whose minting a backend vouched for an identity: this one, or the nearest that it was minted from of
  -- which the parent is a backend's (a secret key, or one of a system). A user's key mints keys for agents that act
  -- for the user; what it says of their identity counts for nothing.
  -- Called by: ablo.key_sight. A probe by id for each key of the chain, of which there are at most 16.
declare
  v_parent ablo.api_key;
begin
  while p_key.parent_id is not null loop
    select * into v_parent from ablo.api_key k where k.id = p_key.parent_id;
    exit when v_parent.id is null or v_parent.prefix = 'sk' or v_parent.participant like 'system:%';
    p_key := v_parent;
  end loop;
  return p_key;
end
$$;
