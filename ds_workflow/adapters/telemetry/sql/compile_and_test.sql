-- question: Does what is taken compile, and do its tests pass?
-- grain: one row per language and model version
-- columns:
--   language        programming language of the file
--   model_version   version of the assistant's model
--   accepted        suggestions taken
--   compile_rate    share of attempts that compile
--   test_pass_rate  share of test runs that pass, of what compiled
--   useful_rate     share of all suggestions shown that were taken and pass
select
    language,
    model_version,
    sum(accepted) as accepted,
    {{ compile_rate }} as compile_rate,
    {{ test_pass_rate }} as test_pass_rate,
    {{ useful_rate }} as useful_rate
from suggestions
group by language, model_version
order by language, model_version
