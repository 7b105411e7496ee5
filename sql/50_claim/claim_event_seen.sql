create or replace function ablo.claim_event_seen(p_key ablo.key_rights, p_event ablo.claim_event) returns boolean
language plpgsql stable
as $$
  -- Whether a key may know of a claim event: it may see the row now (or before, if the row is gone), and could
  -- when it happened.
  -- Called by: ablo.claim_events. Probes of delta_row_idx.
declare
  v_now text[];
  v_then text[];
  v_row json;
  v_last json;
begin
  if p_key.participant is not null and not ablo_model.sees(p_event.model, null, null, null) then
    select d."row", (case d.op when 'D' then d.before end) into v_row, v_last from ablo.delta d
     where d.organization_id = p_event.organization_id and d.model = p_event.model
       and (d.row_id, d.sync_id) > (p_event.row_id, 0) and (d.row_id, d.sync_id) <= (p_event.row_id, 9223372036854775807)
       and d.created_at <= p_event.at
     order by d.row_id desc, d.sync_id desc
     limit 1;
    if not ablo_model.sees(p_event.model, coalesce(v_row, v_last), null, p_key.participant)
      or not ablo_model.sees(p_event.model, coalesce(ablo.row_as_is(p_event.model, p_event.row_id), v_row, v_last), null, p_key.participant)
    then
      return false;
    end if;
  end if;
  if p_key.sync_groups is null then
    return ablo.key_may(p_key, p_event.model, 'read');
  end if;
  v_now := coalesce(ablo.row_groups_now(p_event.organization_id, p_event.model, p_event.row_id),
                    ablo.row_groups(p_event.organization_id, p_event.model, p_event.row_id));
  select d.groups into v_then from ablo.delta d
   where d.organization_id = p_event.organization_id and d.model = p_event.model
     and (d.row_id, d.sync_id) > (p_event.row_id, 0) and (d.row_id, d.sync_id) <= (p_event.row_id, 9223372036854775807)
     and d.created_at <= p_event.at
   order by d.row_id desc, d.sync_id desc
   limit 1;
  return ablo.key_sees(p_key, p_event.model, v_now) and ablo.key_sees(p_key, p_event.model, coalesce(v_then, v_now));
end
$$;
