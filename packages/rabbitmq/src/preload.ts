/**
 * Erlang that binds `Preload` to a function of applications: it loads every module of these and of what they depend on, those
 * that are not loaded yet, at once. RabbitMQ 3.10 loads the same modules at its boot, to look for boot steps, one by one, and for
 * each the VM tries every folder of its path: that is most of the time from the start of the VM to the first boot step. What
 * cannot be loaded here is left to the broker, which says so.
 *
 * Modules of Erlang itself hold no boot steps, and most of those that RabbitMQ depends on are never called. Later versions look
 * in RabbitMQ's own applications only (`rabbitmq_related_module_attributes`). Where the version at hand looks everywhere, the
 * applications of Erlang that are not loaded yet are loaded with an empty list of modules, and a module of theirs when it is
 * called. The compiler and Mnesia are needed whole.
 */
export const PRELOAD = String.raw`
  LooksEverywhere = case beam_lib:chunks(code:which(rabbit_boot_steps), [imports]) of
    {ok, {_, [{imports, Imports}]}} -> lists:member({rabbit_misc, all_module_attributes, 1}, Imports);
    _ -> false end,
  ModulesOf = fun(App, File, Facts) ->
    Listed = proplists:get_value(modules, Facts, []),
    IsErlang = lists:prefix(code:lib_dir() ++ "/", File) andalso not lists:member(App, [compiler, mnesia]),
    case {IsErlang, LooksEverywhere} of
      {false, _} -> Listed;
      {true, false} -> [];
      {true, true} ->
        application:load({application, App, lists:keystore(modules, 1, Facts, {modules, []})}),
        case application:get_key(App, modules) of {ok, Looked} -> Looked; _ -> Listed end end end,
  Collect = fun Next([], Modules) -> lists:append(maps:values(Modules));
                Next([App | Rest], Modules) when is_map_key(App, Modules) -> Next(Rest, Modules);
                Next([App | Rest], Modules) ->
                  File = code:where_is_file(atom_to_list(App) ++ ".app"),
                  case file:consult(File) of
                    {ok, [{application, App, Facts}]} ->
                      Next(proplists:get_value(applications, Facts, []) ++ Rest, Modules#{App => ModulesOf(App, File, Facts)});
                    _ -> Next(Rest, Modules#{App => []}) end end,
  Preload = fun(Apps) -> catch code:ensure_modules_loaded(Collect(Apps, #{})) end`;
