// The conformance cases in C++: every answer, wake-up and output, byte for byte.
// Usage: conformance CASE.json...
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "rpmon.hpp"

using Json = nlohmann::ordered_json;

// An object stands for itself, a string for the text in it.
static std::string verbatim(const Json &value) {
    return value.is_string() ? value.get<std::string>() : value.dump();
}

static std::string join(std::string text, std::string_view more) {
    return more.empty() ? text : text.append(" ").append(more);
}

static Json list(const rpmon::Errors &errors) {
    Json all = Json::array();
    for (std::size_t i = 0; i < errors.size(); i++)
        all.push_back(join(std::string(errors.code(i).name()), errors.path(i)));
    return all;
}

static std::string answered(rpmon::Engine &engine, const std::string &line, bool &again) {
    static const char *const kinds[] = {"", "accepted", "duplicate", "quarantined", "taken", "refused"};
    auto answer = engine.handle_input(line);
    again = answer.status() == RPMON_OUTPUT_QUEUE_FULL;
    if (!answer)
        return join(join("error", answer.status().name()),
                    answer.errors().size() ? answer.errors().path(0) : "");
    return join(kinds[answer->kind], answer->code ? rpmon::Status(answer->code).name() : "");
}

static std::string restored(rpmon::Engine &engine, const std::vector<rpmon::Policy> &policies,
                            const rpmon_config &config, rpmon::Millis now) {
    rpmon_restore_report r;
    auto again = rpmon::Engine::restore((*engine.snapshot()).view(), policies, now, &r, &config);
    engine = std::move(*again);
    return "restored gap=" + std::to_string(r.gap_ms) + " patients=" + std::to_string(r.patients) +
           " open_alerts=" + std::to_string(r.open_alerts) + " timers_due=" + std::to_string(r.timers_due) +
           " readings_missed=" + std::to_string(r.readings_missed);
}

static Json play(const Json &story) {
    Json found, errors = Json::array();
    std::vector<rpmon::Policy> policies;
    Json texts = story.value("more_policies", Json::array());
    texts.insert(texts.begin(), story["policy"]);
    for (const Json &text : texts) {
        auto policy = rpmon::Policy::from_json(verbatim(text));
        if (policy) policies.push_back(*policy);
        for (const Json &error : list(policy.errors())) errors.push_back(error);
    }
    if (!errors.empty()) return {{"policy_errors", errors}};
    Json warnings = list(*policies[0].warnings());
    if (!warnings.empty()) found["policy_warnings"] = warnings;
    Json bounds = story.value("config", Json::object());
    rpmon_config config{bounds.value("max_patients", 0u), bounds.value("max_outputs", 0u),
                        static_cast<std::uint16_t>(bounds.value("max_devices", 0u)), {}};
    rpmon::Engine engine = std::move(*rpmon::Engine::make(policies[0], &config));
    Json answers = Json::array(), wakeups = Json::array(), outputs = Json::array();
    for (const Json &input : story.value("inputs", Json::array())) {
        bool again = false;
        do {
            if (input.is_object() && input.contains("restore"))
                answers.push_back(restored(engine, policies, config, input["restore"]));
            else
                answers.push_back(answered(engine, verbatim(input), again));
            while (rpmon::Output output = engine.poll()) outputs.push_back(std::string(output.json()));
            auto at = engine.next_wakeup();
            wakeups.push_back(at ? Json(*at) : Json());
        } while (again);
    }
    found["answers"] = answers;
    found["wakeups"] = wakeups;
    found["outputs"] = outputs;
    return found;
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        std::ifstream file(argv[i]);
        Json story = Json::parse(file), found = play(story);
        if (found != story["expected"]) {
            std::cerr << argv[i] << ": " << Json::diff(story["expected"], found).dump(1) << "\n";
            return 1;
        }
    }
    std::cout << argc - 1 << " conformance cases passed in C++\n";
    return argc > 1 ? 0 : 1;
}
