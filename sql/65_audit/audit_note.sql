create or replace function ablo.audit_note(p_organization text, p_actor text, p_act text, p_subject jsonb) returns void
language plpgsql volatile
as $$
  -- Record an act on another's claim, in the transaction that does it; delete the oldest beyond 10,000 of the
  -- organization, so that the table cannot grow without end.
  -- Called by: ablo.claim_break. Locks: none but the new row's, and those of rows it deletes.
begin
  insert into ablo.audit_act (organization_id, actor, act, subject)
  values (p_organization, p_actor, p_act, p_subject);
  delete from ablo.audit_act a
   where a.organization_id = p_organization
     and a.number <= (select x.number from ablo.audit_act x where x.organization_id = p_organization
                       order by x.number desc offset 10000 limit 1);
end
$$;
