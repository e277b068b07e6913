/**
 * Erlang that binds `Preload` to a function of applications: it loads every module of these and of what they depend on, those
 * that are not loaded yet, at once. RabbitMQ 3.10 loads the same modules at its boot, to look for boot steps, one by one, and for
 * each the VM tries every folder of its path: that is most of the time from the start of the VM to the first boot step. Later
 * versions look for boot steps in the modules of RabbitMQ's own applications only (`rabbitmq_related_module_attributes`); the
 * others are then loaded earlier than needed, or for nothing but some memory. What cannot be loaded here is left to the broker,
 * which says so.
 */
export const PRELOAD = String.raw`
  Preload = fun(Apps) -> catch begin
    Facts = fun(App) -> case file:consult(code:where_is_file(atom_to_list(App) ++ ".app")) of
      {ok, [{application, App, Found}]} -> Found; _ -> [] end end,
    Collect = fun Next([], Modules) -> lists:append(maps:values(Modules));
                  Next([App | Rest], Modules) when is_map_key(App, Modules) -> Next(Rest, Modules);
                  Next([App | Rest], Modules) ->
                    Found = Facts(App),
                    Next(proplists:get_value(applications, Found, []) ++ Rest,
                      Modules#{App => proplists:get_value(modules, Found, [])}) end,
    code:ensure_modules_loaded(Collect(Apps, #{})) end end`;
