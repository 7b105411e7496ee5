-- Placeholders that the compiler replaces: the dispatchers over the models of the active schema. Until a schema
-- is applied they know no model. Created only if missing: a kernel upgrade must not undo a schema.
do $stubs$
begin
  if to_regprocedure('ablo_model.resolve(text)') is null then
    create function ablo_model.resolve(p_name text) returns text
    language sql immutable parallel safe
    as 'select null::text';
  end if;
  if to_regprocedure('ablo_model.conflict(text, text)') is null then
    create function ablo_model.conflict(p_model text, p_kind text) returns text
    language sql immutable parallel safe
    as 'select null::text';
  end if;
  if to_regprocedure('ablo_model.write(text, text, text, jsonb)') is null then
    create function ablo_model.write(p_model text, p_action text, p_id text, p_data jsonb)
    returns boolean
    language plpgsql volatile
    as $body$
    begin
      perform ablo.model_unknown(p_model);
      return false;
    end
    $body$;
  end if;
  if to_regprocedure('ablo_model.read(text, text)') is null then
    create function ablo_model.read(p_model text, p_id text) returns json
    language plpgsql stable
    as $body$
    begin
      perform ablo.model_unknown(p_model);
      return null;
    end
    $body$;
  end if;
  if to_regprocedure('ablo_model.lock(text, text)') is null then
    create function ablo_model.lock(p_model text, p_id text) returns boolean
    language plpgsql volatile
    as $body$
    begin
      perform ablo.model_unknown(p_model);
      return false;
    end
    $body$;
  end if;
  if to_regprocedure('ablo_model.setwise(text)') is null then
    create function ablo_model.setwise(p_model text) returns boolean
    language sql immutable parallel safe
    as 'select false';
  end if;
  if to_regprocedure('ablo_model.many(text, text, text, timestamptz, int[], text[], jsonb[], text[])') is null then
    create function ablo_model.many(
      p_model text, p_action text, p_organization text, p_now timestamptz, p_ords int[], p_ids text[], p_items jsonb[],
      p_participants text[])
    returns table (ord int, op text, row_id text, groups text[], left_groups text[], "row" json, changed text[],
             before json, entered_groups text[])
    language plpgsql volatile
    as $body$
    begin
      return;
    end
    $body$;
  end if;
  -- Whether an actor (kind:id) may read a row of the log: p_row after a change, or with p_before the row before it.
  -- Without a row: whether everyone may read the model; without a model: all models.
  if to_regprocedure('ablo_model.sees(text, json, json, text)') is null then
    create function ablo_model.sees(p_model text, p_row json, p_before json, p_actor text) returns boolean
    language sql stable
    as 'select true';
  end if;
  -- The typenames whose model limited reading until it was dropped: ablo.permissions_end replaces it.
  if to_regprocedure('ablo_model.closed()') is null then
    create function ablo_model.closed() returns text[]
    language sql stable
    as $body$select '{}'::text[]$body$;
  end if;
  -- The keys of a model's rows that an actor (kind:id) may not read; null: none.
  if to_regprocedure('ablo_model.hidden(text, text)') is null then
    create function ablo_model.hidden(p_model text, p_actor text) returns text[]
    language sql stable
    as 'select null::text[]';
  end if;
  -- Whether identity roles decide which groups a key of a user or an agent has.
  if to_regprocedure('ablo_model.roles()') is null then
    create function ablo_model.roles() returns boolean
    language sql stable
    as 'select false';
  end if;
  -- The settings that the schema maps, {name: source}: ablo.identity_set sets them for each participant. null: none.
  if to_regprocedure('ablo_model.session_settings()') is null then
    create function ablo_model.session_settings() returns jsonb
    language sql stable
    as 'select null::jsonb';
  end if;
  -- Not replaced: it runs deferred triggers, under the search_path that ablo.schema_register gives it.
  if to_regprocedure('ablo_model.settle()') is null then
    create function ablo_model.settle() returns void
    language plpgsql volatile
    as $body$
    begin
      set constraints all immediate;
    end
    $body$;
  end if;
end
$stubs$;
