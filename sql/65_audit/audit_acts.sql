create or replace function ablo.audit_acts(p_organization text, p_limit bigint) returns setof ablo.audit_act
language sql stable
as $$
  -- Acts on others' claims: of an organization, or of all (null); the newest p_limit, oldest first.
  -- Called by: ablo-pg audit acts, as an administrator. Locks: none.
  select newest.* from (
      select a.* from ablo.audit_act a
       where p_organization is null or a.organization_id = p_organization
       order by a.number desc
       limit p_limit) newest
   order by newest.number
$$;
