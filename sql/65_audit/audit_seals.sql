-- An organization's seals after a number, in order. Called by: ablo-pg audit, as an administrator.
create or replace function ablo.audit_seals(p_organization text, p_after bigint, p_limit bigint)
returns setof ablo.audit_seal
language sql stable
as $$
  select s.* from ablo.audit_seal s
   where s.organization_id = p_organization and s.number > p_after
   order by s.number
   limit p_limit
$$;
