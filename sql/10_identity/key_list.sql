create or replace function ablo.key_list(p_organization text, p_all boolean default false) returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  -- The keys of an organization, newest first, at most 1000, as ablo.key_json: those that an administrator
  -- created and that are live. p_all: also minted and ended ones.
  -- Called by: the command line.
begin
  return (select coalesce(json_agg(ablo.key_json(k)), '[]')
            from (select * from ablo.api_key a
                   where a.organization_id = p_organization
                     and (p_all or a.parent_id is null and a.revoked_at is null
                                   and (a.expires_at is null or a.expires_at > clock_timestamp()))
                   order by a.created_at desc limit 1000) k);
end
$$;
