create or replace function ablo.live_tell() returns trigger
language plpgsql volatile
as $$
  -- Notify relays that claims or presence of an organization have changed: channel ablo_live, the organization as
  -- payload, or '' if its name is long. A hint: relays also check on their own. Nothing is sent while no relay
  -- listens, and one transaction sends an organization's hint once.
  -- Called by: triggers on ablo.claim and ablo.presence. Locks: ablo.live_key shared, never waited for.
declare
  v_organization text := case tg_op when 'DELETE' then old.organization_id else new.organization_id end;
begin
  if not pg_try_advisory_xact_lock_shared(ablo.live_key()) then
    perform pg_notify('ablo_live', case when octet_length(v_organization) <= 60 then v_organization else '' end);
  end if;
  return null;
end
$$;

-- Renewals change only a claim's expires_at and ttl: the others need not know that at once.
create or replace trigger live_claim after insert on ablo.claim
  for each row execute function ablo.live_tell();
create or replace trigger live_claim_change after update of status, ticket on ablo.claim
  for each row execute function ablo.live_tell();
create or replace trigger live_presence after insert or delete on ablo.presence
  for each row execute function ablo.live_tell();
create or replace trigger live_presence_change after update on ablo.presence
  for each row when (old.status is distinct from new.status or old.activity is distinct from new.activity
    or old.meta is distinct from new.meta or old.expires_at <= new.seen_at)
  execute function ablo.live_tell();
