create or replace function ablo.presence_sweep(p_organization text, p_participant text) returns void
language plpgsql volatile
as $$
  -- Delete expired sessions (of any participant, 100 at a time), and all but the newest 20 of this participant.
  -- Called by: ablo.presence_beat, when a session is new. Skips locked rows.
begin
  delete from ablo.presence p
   where (p.organization_id, p.participant, p.session) in (
     select x.organization_id, x.participant, x.session from ablo.presence x
      where x.expires_at < clock_timestamp() - interval '1 minute'
      order by x.expires_at limit 100 for update skip locked);
  delete from ablo.presence p
   where p.organization_id = p_organization and p.participant = p_participant and p.session in (
     select x.session from ablo.presence x
      where x.organization_id = p_organization and x.participant = p_participant
      order by x.seen_at desc, x.session offset 20 for update skip locked);
end
$$;
