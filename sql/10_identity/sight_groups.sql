create or replace function ablo.sight_groups(p_key ablo.api_key) returns text[]
language plpgsql stable
as $$
  -- The sync groups of a key of a schema with identity roles, null: all of the organization's. What roles and grants
  -- give its participant, within what the key itself was narrowed to. ablo_pg.changefeed.sight follows it through the
  -- log, and a test compares the two.
  -- Called by: ablo.key_reach.
declare
  v_sight record := ablo.key_sight(p_key);
  v_groups text[];
begin
  if not v_sight.governed or v_sight.groups is null then
    return p_key.sync_groups;
  end if;
  v_groups := v_sight.groups;
  if v_sight.subject is not null then
    v_groups := v_groups || ablo.granted_groups(p_key.organization_id, v_sight.subject);
  end if;
  return array(select distinct g from unnest(v_groups) g
                where p_key.sync_groups is null or g = any (p_key.sync_groups) order by g);
end
$$;
