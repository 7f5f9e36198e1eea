// rpmon.hpp as a program uses it, without exceptions, included twice.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "rpmon.hpp"
#include "rpmon.hpp"

#define CHECK(condition) \
    ((condition) ? void() : (std::fprintf(stderr, "%d: not so: %s\n", __LINE__, #condition), std::exit(1)))

static const char *const POLICY = R"({"id":"home","version":1,"title":"Oxygen at home",
    "signals":{"spo2":{"cadence":"1 s"}},
    "rules":[{"id":"low","title":"Low oxygen saturation","signal":"spo2",
              "levels":[{"level":"urgent","raise":{"below":88}}]}]})";

static std::string read(const char *path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

static void models(char **paths) {
    auto policy = rpmon::Policy::from_toml(read(paths[1]));
    std::string onnx = read(paths[2]), manifest = read(paths[3]);
    auto bad = rpmon::Model::load(onnx, "{}");
    CHECK(!bad && bad.status() == RPMON_MANIFEST_SYNTAX && bad.errors().size() == 1);
    auto model = rpmon::Model::load(onnx, manifest);
    CHECK(policy && model && model->id() == "sepsis-vitals" && model->version() == 1);
    std::vector<float> row(model->inputs(), 1.0f);
    CHECK(model->score(row) && (*model->reasons(row)).size() == row.size());
    CHECK(model->score({}).status() == RPMON_BAD_ARGUMENT);

    auto engine = rpmon::Engine::make(*policy);
    auto scorer = rpmon::Scorer::make();
    auto patient = engine->patient("p1");
    CHECK(scorer->load(*model) && scorer->run(*engine, *patient, 0));
    auto reference = model->reference();
    std::string line = R"({"at":0,"roll_out":{"action":"register","owner":"dr.a","model":)" + reference->str() + "}}";
    CHECK(engine->handle_input(line) && engine->model_history()->view().find("sepsis-vitals") != std::string::npos);
}

int main(int, char **arguments) {
    models(arguments);
    auto bad = rpmon::Policy::from_json("{\"id\":\"x\"}");
    CHECK(!bad && bad.status() == RPMON_POLICY_SYNTAX && bad.errors().size() > 0);
    auto loaded = rpmon::Policy::from_json(POLICY);
    CHECK(loaded && loaded->id() == "home" && loaded->version() == 1);
    rpmon::Policy policy = std::move(*loaded), copy = policy;
    CHECK((*copy.to_json()).str() == (*policy.to_json()).str());
    CHECK(*policy.kind("spo2") == RPMON_KIND_SPO2 && policy.kind("x").status() == RPMON_UNKNOWN_KIND);

    rpmon::Engine engine = std::move(*rpmon::Engine::make(policy));
    rpmon_reading reading{};
    reading.patient = *engine.patient("p1");
    reading.device = *engine.device(reading.patient, "d1");
    reading.kind = RPMON_KIND_SPO2;
    reading.value_thousandths = 80000;
    CHECK(engine.handle(&reading, 1)->accepted == 1);
    int opened = 0;
    while (rpmon::Output output = engine.poll())
        if (auto record = output.record()) opened += rpmon::view(record->record_type) == "alert_opened";
    CHECK(opened == 1 && engine.alerts(reading.patient).size() == 1 && engine.next_wakeup());
    CHECK((*engine.why(reading.patient, "low")).view().find("low: active") == 0);

    rpmon_restore_report report;
    auto snapshot = engine.snapshot();
    auto restored = rpmon::Engine::restore(snapshot->view(), {policy}, 60000, &report);
    CHECK(restored && report.open_alerts == 1);
    engine = std::move(*restored);
    CHECK(engine.handle_timeout(60000).ok());
    CHECK(rpmon::Engine::restore("", {}, 0).status().name() == "not_a_snapshot");
    std::puts("wrapper passed in C++");
}
