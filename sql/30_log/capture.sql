-- Append one delta: the order lock, then the id, then the row.
-- Called by: each model's deferred capture trigger, once a changed row, at the commit point.
-- Locks: the order lock of the organization. Actor: the participant, or the login for plain SQL.
create or replace function ablo.capture(
  p_organization text,
  p_model text,
  p_row_id text,
  p_op text,
  p_groups text[],
  p_row json,
  p_changed text[]
) returns void
language plpgsql volatile
as $$
declare
  v_transactions text := current_setting('ablo.transaction_ids', true);
begin
  if ablo.order_lock(p_organization) is null then null; end if;
  insert into ablo.delta (sync_id, organization_id, model, row_id, op, groups, "row", changed, actor,
                          on_behalf_of, capability_id, claim_id, transaction_id, xid, created_at)
  values (nextval('ablo.sync_id'), p_organization, p_model, p_row_id, p_op, p_groups, p_row, p_changed,
          coalesce(nullif(current_setting('app.current_participant_id', true), ''), 'system:' || session_user),
          nullif(current_setting('ablo.on_behalf_of', true), ''),
          nullif(current_setting('ablo.capability_id', true), ''),
          nullif(current_setting('ablo.claim_id', true), ''),
          case when v_transactions <> '' then v_transactions::jsonb ->> (p_model || ':' || p_row_id) end,
          pg_current_xact_id(), clock_timestamp());
end
$$;
