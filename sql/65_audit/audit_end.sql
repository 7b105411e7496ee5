-- The last seal of an organization's chain, or no row. Called by: ablo-pg audit, as an administrator.
create or replace function ablo.audit_end(p_organization text) returns setof ablo.audit_seal
language sql stable
as $$
  select s.* from ablo.audit_seal s
   where s.organization_id = p_organization
   order by s.number desc
   limit 1
$$;
