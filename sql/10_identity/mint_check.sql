create or replace function ablo.mint_check(p_parent ablo.api_key, p_prefix text, p_organization text) returns void
language plpgsql volatile
as $$
  -- Who may mint which kind of key. Secret keys mint the other three; restricted keys mint restricted ones,
  -- 1000 live ones at most; sessions and publishable keys mint nothing. At most 16 keys are minted one from another. A session in another organization
  -- takes the scope ephemeral:mint-any-org.
  -- Called by: ablo.key_mint. Raises: forbidden, organization_mismatch, quota_exceeded, invalid_request.
begin
  if p_prefix not in ('rk', 'ek', 'pk') then
    perform ablo.raise_error('invalid_request', format('a key of kind %L cannot be minted', left(p_prefix, 40)),
      'mint rk, ek or pk; secret keys are made with `ablo-pg keys create`', '{"field": "prefix"}');
  elsif p_parent.prefix not in ('sk', 'rk') or p_parent.prefix = 'rk' and p_prefix <> 'rk' then
    perform ablo.raise_error('forbidden', format('an %s_ key may not mint %s_ keys', p_parent.prefix, p_prefix),
      'mint it with an sk_ key, on your server');
  elsif p_organization <> p_parent.organization_id and not (
    p_prefix = 'ek' and 'ephemeral:mint-any-org' = any (p_parent.scopes) and p_parent.sync_groups is null)
  then
    perform ablo.raise_error('organization_mismatch', 'the key would act for another organization than its parent',
      'leave organizationId out, or use a key with the scope ephemeral:mint-any-org to mint ek_ keys',
      '{"field": "organizationId"}');
  elsif p_parent.prefix = 'rk' and (
    select count(*) from (select from ablo.api_key k where k.parent_id = p_parent.id and k.revoked_at is null
                             and k.expires_at > clock_timestamp() limit 1000) x) = 1000
  then
    perform ablo.raise_error('quota_exceeded', 'the key has minted 1000 live keys',
      'revoke some, or mint with an sk_ key', '{"limit": 1000}');
  elsif p_parent.prefix = 'rk' and (
    with recursive line (id, parent_id) as (
      select p_parent.id, p_parent.parent_id
      union all
      select k.id, k.parent_id from line l join ablo.api_key k on k.id = l.parent_id)
    select count(*) from line) >= 16
  then
    perform ablo.raise_error('quota_exceeded', 'this key is the 16th of a chain, each minted from the one before',
      'mint with a key that is nearer to the sk_ key', '{"limit": 16}');
  end if;
end
$$;
