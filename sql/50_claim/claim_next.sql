create or replace function ablo.claim_next(
  p_organization text,
  p_participant text,
  p_model text,
  p_query jsonb default '{}',
  p_request jsonb default '{}',
  p_on_behalf_of text default null,
  p_capability_id text default null,
  p_key_id text default null
) returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
  -- Claim the first free row that a list would show: ablo.claim_acquire's answer, or null if there is none. p_query:
  -- {where?, orderBy?} of ablo.row_list; p_request: as of ablo.claim_acquire; it never waits. Free is a row that no
  -- participant has claimed, the caller neither, and for which none waits. Two takers at once get two rows: each
  -- locks the row that it looks at, and passes over those that are locked.
  -- Called by: clients, for work to be done. Locks: the row, until the end; those of ablo.claim_acquire. Raises: what
  -- that and ablo.row_list raise; claim_conflict if others were faster a hundred times.
declare
  v_found text;
  v_model ablo.model;
  v_request jsonb := coalesce(p_request, '{}') || '{"queue": false}';
  v_query jsonb := coalesce(p_query, '{}') - array['after', 'limit', 'include'];
  v_select text;
  v_passed text[] := '{}';
  v_id text;
  v_answer json;
begin
  v_found := ablo.identity_set(p_organization, p_participant);
  v_model := ablo.read_model(p_model);
  perform ablo.list_check(v_query);
  if v_request ->> 'claimId' is null then
    v_request := v_request || jsonb_build_object('claimId', 'clm_' || gen_random_uuid());
  end if;
  v_select := format(
    'select t.%1$I::text from %2$I.%3$I t where %4$s and t.%1$I::text <> all ($1) and not exists (
       select from ablo.claim c
        where c.organization_id = %5$L and c.model = %6$L and c.row_id = t.%1$I::text and c.status in (''active'', ''queued'')
          and c.expires_at > clock_timestamp())
      order by %7$s limit 1 for no key update of t skip locked',
    ablo.id_column(v_model), v_model.table_schema, v_model.table_name,
    ablo.list_where(p_organization, p_participant, v_model, v_query, p_capability_id), p_organization, v_model.typename,
    (select string_agg(o ->> 'order', ', ') from jsonb_array_elements(ablo.order_terms(v_model, v_query)) o));
  for v_try in 1..100 loop
    v_id := null;
    execute v_select into v_id using v_passed;
    if v_id is null then
      return ablo.identity_restore(v_found, null::json);
    end if;
    begin
      v_answer := ablo.claim_acquire(p_organization, p_participant, p_model, v_id, v_request, p_on_behalf_of, p_capability_id, p_key_id);
      if v_answer #>> '{claim,id}' = v_request ->> 'claimId' then
        return ablo.identity_restore(v_found, v_answer);
      end if;
    exception when sqlstate 'AB065' or sqlstate 'AB062' then
      null;  -- it was claimed since the statement began
    end;
    v_passed := v_passed || v_id;
  end loop;
  perform ablo.raise_error('claim_conflict',
    format('%s: a hundred rows were claimed by others while this looked', v_model.key), 'try again', jsonb_build_object('model', v_model.key));
end
$$;
