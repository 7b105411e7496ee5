create or replace function ablo.delta_seen(p_key ablo.key_rights, p_delta ablo.delta) returns ablo.delta
language plpgsql immutable
as $$
  -- A delta as a key may see it: unchanged; without what was before, if the row entered the key's groups by it; as
  -- a removal, without its content, if the row left them by it; null if it is not for the key.
  -- Called by: ablo.delta_read, ablo.delta_tail, ablo.row_at, ablo.row_history, the checks of premises and
  -- tracks.
begin
  if ablo.key_sees(p_key, p_delta.model, p_delta.groups) then
    if p_key.sync_groups is not null then
      if p_delta.entered_groups is not null and not ablo.key_sees(p_key, p_delta.model,
           array(select g from unnest(p_delta.left_groups || p_delta.groups) g where g <> all (p_delta.entered_groups))) then
        p_delta.before := null;
      end if;
      p_delta.left_groups := null;  -- only those who could see it there may know where it came from
    end if;
    return p_delta;
  elsif ablo.key_sees(p_key, p_delta.model, p_delta.left_groups) then
    p_delta.op := 'D';
    p_delta.groups := array['org:' || p_delta.organization_id] || array(select g from unnest(p_delta.left_groups) g where g = any (p_key.sync_groups));
    p_delta.left_groups := null;
    p_delta."row" := null;
    p_delta.changed := null;
    p_delta.before := null;
    p_delta.entered_groups := null;
    p_delta.capability_id := null;
    p_delta.claim_id := null;
    p_delta.transaction_id := null;
    return p_delta;
  end if;
  return null;
end
$$;
