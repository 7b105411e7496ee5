create or replace function ablo.delta_seen(p_key ablo.key_rights, p_delta ablo.delta) returns ablo.delta
language plpgsql stable
as $$
  -- A delta as a key may see it: unchanged; without what was before, if the row entered its sight by it; as a
  -- removal, without its content, if the row left its sight by it; null if it is not for the key. In sight is a row
  -- in the key's groups that its participant may read (ablo_model.sees; everyone may, if none is named). Fields that
  -- the participant may not read are null in the row, and not among what has changed.
  -- Called by: ablo.delta_read, ablo.delta_tail, ablo.row_at, ablo.row_history, the checks of premises and
  -- tracks.
declare
  v_removed boolean := p_delta.op = 'D';
  v_allowed boolean := p_key.participant is null or ablo_model.sees(p_delta.model, null, null, null);
  v_now boolean := v_allowed or not v_removed and ablo_model.sees(p_delta.model, p_delta."row", null, p_key.participant);
  v_then boolean := v_allowed
    or p_delta.before is not null and ablo_model.sees(p_delta.model, coalesce(p_delta."row", '{}'), p_delta.before, p_key.participant);
  v_hidden text[];
begin
  if ablo.key_sees(p_key, p_delta.model, p_delta.groups) and (v_now or v_removed and v_then) then
    if not v_then then
      p_delta.before := null;
    end if;
    v_hidden := case when p_key.participant is not null then ablo_model.hidden(p_delta.model, p_key.participant) end;
    if v_hidden is not null then
      p_delta."row" := ablo.row_without(p_delta."row", v_hidden);
      p_delta.before := p_delta.before::jsonb - v_hidden;
      if p_delta.changed is not null then
        p_delta.changed := array(select c from unnest(p_delta.changed) with ordinality u(c, n) where c <> all (v_hidden) order by n);
      end if;
    end if;
    if p_key.sync_groups is not null then
      if p_delta.entered_groups is not null and not ablo.key_sees(p_key, p_delta.model,
           array(select g from unnest(p_delta.left_groups || p_delta.groups) g where g <> all (p_delta.entered_groups))) then
        p_delta.before := null;
      end if;
      p_delta.left_groups := null;  -- only those who could see it there may know where it came from
    end if;
    return p_delta;
  elsif v_then and not v_removed
    and (ablo.key_sees(p_key, p_delta.model, p_delta.left_groups) or not v_now and ablo.key_sees(p_key, p_delta.model, p_delta.groups))
  then
    p_delta.op := 'D';
    p_delta.groups := array['org:' || p_delta.organization_id] || array(
      select g from unnest(p_delta.left_groups || p_delta.groups) g where g = any (p_key.sync_groups) and g <> 'org:' || p_delta.organization_id);
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
