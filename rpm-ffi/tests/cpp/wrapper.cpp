// rpmon.hpp as a program uses it, without exceptions, included twice.
#include <cstdio>
#include <cstdlib>

#include "rpmon.hpp"
#include "rpmon.hpp"

#define CHECK(condition) \
    ((condition) ? void() : (std::fprintf(stderr, "%d: not so: %s\n", __LINE__, #condition), std::exit(1)))

static const char *const POLICY = R"({"id":"home","version":1,"title":"Oxygen at home",
    "signals":{"spo2":{"cadence":"1 s"}},
    "rules":[{"id":"low","title":"Low oxygen saturation","signal":"spo2",
              "levels":[{"level":"urgent","raise":{"below":88}}]}]})";

int main() {
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
