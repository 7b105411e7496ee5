create or replace function ablo.key_sight(
  p_key ablo.api_key, out governed boolean, out groups text[], out subject text, out since bigint
)
language plpgsql stable
as $$
  -- What the identity roles of the schema give a key. governed: its groups are decided by its participant's
  -- identity; those of backends (secret keys, system participants) are not, they act as the organization. groups:
  -- what the roles give; null: all of the organization's. subject: the user whose grants add to them, null if none
  -- can. since: cursors before it are out of date (ablo.sight_register), null for backends. An agent that acts for no user also has the groups that the minting call named.
  -- Called by: ablo.sight_groups, ablo.sight_at, ablo.key_find. Locks: none.
declare
  v_rule ablo.sight_rule;
  v_vouched ablo.api_key;
  v_role jsonb;
  v_value jsonb;
begin
  governed := false;
  if p_key.id is null or p_key.prefix = 'sk' or p_key.participant like 'system:%' then
    return;
  end if;
  select * into v_rule from ablo.sight_rule;
  since := v_rule.since;
  governed := v_rule.roles <> '[]';
  if not governed then
    return;
  end if;
  v_vouched := ablo.key_vouched(p_key);
  subject := case when v_vouched.participant like 'user:%' then substr(v_vouched.participant, 6)
                  else v_vouched.user_meta ->> 'userId' end;
  groups := case when subject is null then coalesce(p_key.sync_groups, '{}') else '{}' end;
  for v_role in select r from jsonb_array_elements(v_rule.roles) r loop
    v_value := case v_role ->> 'field'
      when 'organizationId' then to_jsonb(p_key.organization_id)
      when 'userId' then to_jsonb(subject)
      else v_vouched.user_meta -> (v_role ->> 'field') end;
    if jsonb_typeof(v_value) = 'array' and (v_role ->> 'multi')::boolean then
      groups := groups || array(select (v_role ->> 'kind') || ':' || e from jsonb_array_elements_text(v_value) e where e <> '');
    elsif jsonb_typeof(v_value) in ('string', 'number') and v_value <> '""' then
      groups := groups || ((v_role ->> 'kind') || ':' || (v_value #>> '{}'));
    end if;
  end loop;
  if 'org:' || p_key.organization_id = any (groups) then
    groups := null;
  end if;
  if groups is null or v_rule.grants = '{}' then
    subject := null;
  end if;
end
$$;
