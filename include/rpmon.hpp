/**
 * @file rpmon.hpp
 * rpm for C++17: objects that free themselves, over rpmon.h. Header only, no exceptions needed.
 *
 * What can fail returns a `Result`: a status, and the value if the status is ok. Nothing throws but what the
 * standard library's own memory does. Objects move and do not copy, but for `Policy`, whose copies share.
 * The rules of rpmon.h hold here as well: an `Engine` is used by one call at a time, from any thread.
 */
#ifndef RPMON_HPP
#define RPMON_HPP

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rpmon.h"

namespace rpmon {

/** Milliseconds since 1970, UTC. */
using Millis = std::int64_t;

/** A text as C has it; it lives as long as the text. */
inline rpmon_str c_str(std::string_view text) noexcept { return {text.data(), text.size()}; }

/** A text of C; it lives as long as what it was asked of. */
inline std::string_view view(rpmon_str text) noexcept {
    return text.len ? std::string_view(text.data, text.len) : std::string_view();
}

/** How a call ended. */
class Status {
public:
    constexpr Status(rpmon_status value = RPMON_OK) noexcept : value_(value) {}
    constexpr bool ok() const noexcept { return value_ == RPMON_OK; }
    constexpr explicit operator bool() const noexcept { return ok(); }
    /** The number: `RPMON_OK`, or that of a code. */
    constexpr rpmon_status value() const noexcept { return value_; }
    /** Its name, such as `stale_revision`. */
    std::string_view name() const noexcept { return view(rpmon_status_name(value_)); }
    /** One sentence for people. */
    std::string_view message() const noexcept { return view(rpmon_status_message(value_)); }
    friend constexpr bool operator==(Status a, Status b) noexcept { return a.value_ == b.value_; }
    friend constexpr bool operator!=(Status a, Status b) noexcept { return a.value_ != b.value_; }

private:
    rpmon_status value_;
};

/** An owned pointer of C that is freed by the address of its variable. */
template <class T, rpmon_status (*Free)(T **)>
class Handle {
public:
    Handle() noexcept = default;
    explicit Handle(T *raw) noexcept : raw_(raw) {}
    Handle(Handle &&other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
    Handle &operator=(Handle &&other) noexcept {
        if (this != &other) {
            Free(&raw_);
            raw_ = std::exchange(other.raw_, nullptr);
        }
        return *this;
    }
    Handle(const Handle &) = delete;
    Handle &operator=(const Handle &) = delete;
    ~Handle() { Free(&raw_); }
    /** The pointer of C, still owned here. */
    T *get() const noexcept { return raw_; }
    /** Whether there is something. */
    explicit operator bool() const noexcept { return raw_ != nullptr; }

private:
    T *raw_ = nullptr;
};

/** What is wrong with a text that was to be loaded: every mistake, with its place. */
class Errors : public Handle<rpmon_error, rpmon_error_free> {
public:
    using Handle::Handle;
    std::size_t size() const noexcept { return rpmon_error_count(get()); }
    Status code(std::size_t i) const noexcept { return rpmon_error_code(get(), i); }
    /** The field; empty if it is about the whole. */
    std::string_view path(std::size_t i) const noexcept { return view(rpmon_error_path(get(), i)); }
    /** In words, with path and advice. */
    std::string_view message(std::size_t i) const noexcept { return view(rpmon_error_message(get(), i)); }
};

/** A value, or the status that says why there is none, with the mistakes of a text if there are any. */
template <class T>
class Result {
public:
    Result(T value) : value_(std::move(value)) {}
    Result(Status status, Errors errors = Errors()) noexcept
        : status_(status), errors_(std::move(errors)) {}
    bool ok() const noexcept { return status_.ok(); }
    explicit operator bool() const noexcept { return ok(); }
    Status status() const noexcept { return status_; }
    const Errors &errors() const noexcept { return errors_; }
    /** The value; only if `ok()`. */
    T &operator*() & noexcept { return *value_; }
    T &&operator*() && noexcept { return std::move(*value_); }
    T *operator->() noexcept { return &*value_; }

private:
    std::optional<T> value_;
    Status status_;
    Errors errors_;
};

/** Bytes that C handed over. */
class Bytes {
public:
    Bytes() noexcept = default;
    Bytes(Bytes &&other) noexcept : raw_(std::exchange(other.raw_, {nullptr, 0})) {}
    Bytes &operator=(Bytes &&other) noexcept {
        std::swap(raw_, other.raw_);
        return *this;
    }
    Bytes(const Bytes &) = delete;
    Bytes &operator=(const Bytes &) = delete;
    ~Bytes() { rpmon_bytes_free(&raw_); }
    std::string_view view() const noexcept { return {raw_.len ? raw_.data : "", raw_.len}; }
    std::string str() const { return std::string(view()); }
    rpmon_bytes *out() noexcept { return &raw_; }

private:
    rpmon_bytes raw_{nullptr, 0};
};

/** A checked policy; copies share it. */
class Policy : public Handle<rpmon_policy, rpmon_policy_free> {
public:
    using Handle::Handle;
    Policy(Policy &&) noexcept = default;
    Policy &operator=(Policy &&) noexcept = default;
    Policy(const Policy &other) noexcept : Handle(copied(other.get())) {}
    Policy &operator=(const Policy &other) noexcept { return *this = Policy(other); }

    static Result<Policy> from_json(std::string_view text) {
        return load(rpmon_policy_from_json, text);
    }
    static Result<Policy> from_toml(std::string_view text) {
        return load(rpmon_policy_from_toml, text);
    }

    std::string_view id() const noexcept { return view(rpmon_policy_id(get())); }
    std::string_view title() const noexcept { return view(rpmon_policy_title(get())); }
    std::uint32_t version() const noexcept { return rpmon_policy_version(get()); }
    /** The canonical JSON, which the hash is of. */
    Result<Bytes> to_json() const { return bytes(rpmon_policy_to_json); }
    /** In plain words. */
    Result<Bytes> describe() const { return bytes(rpmon_policy_describe); }
    /** What is legal, and probably not meant. */
    Result<Errors> warnings() const {
        rpmon_error *out = nullptr;
        Status status = rpmon_policy_warnings(get(), &out);
        if (!status) return status;
        return Errors(out);
    }
    /** The number of a kind, for `rpmon_reading`. */
    Result<std::uint16_t> kind(std::string_view name) const {
        std::uint16_t out = 0;
        Status status = rpmon_policy_kind(get(), c_str(name), &out);
        if (!status) return status;
        return out;
    }

private:
    template <class F>
    static Result<Policy> load(F from, std::string_view text) {
        rpmon_policy *out = nullptr;
        rpmon_error *error = nullptr;
        Status status = from(text.data(), text.size(), &out, &error);
        if (!status) return {status, Errors(error)};
        return Policy(out);
    }
    template <class F>
    Result<Bytes> bytes(F ask) const {
        Bytes out;
        Status status = ask(get(), out.out());
        if (!status) return status;
        return out;
    }
    static rpmon_policy *copied(const rpmon_policy *policy) noexcept {
        rpmon_policy *out = nullptr;
        if (policy) rpmon_policy_clone(policy, &out);
        return out;
    }
};

/** A verified model. */
class Model : public Handle<rpmon_model, rpmon_model_free> {
public:
    using Handle::Handle;

    static Result<Model> load(std::string_view onnx, std::string_view manifest) {
        rpmon_model *out = nullptr;
        rpmon_error *error = nullptr;
        Status status = rpmon_model_load(onnx.data(), onnx.size(), manifest.data(), manifest.size(), &out,
                                         &error);
        if (!status) return {status, Errors(error)};
        return Model(out);
    }

    std::string_view id() const noexcept { return view(rpmon_model_id(get())); }
    /** Id, version and hash as JSON: what a line that registers it says. */
    Result<Bytes> reference() const {
        Bytes out;
        Status status = rpmon_model_reference(get(), out.out());
        if (!status) return status;
        return out;
    }
    std::uint32_t version() const noexcept { return rpmon_model_version(get()); }
    /** How many numbers go in. */
    std::size_t inputs() const noexcept { return rpmon_model_inputs(get()); }
    /** The calibrated score of a row, in thousandths; NaN is missing. */
    Result<std::int32_t> score(const std::vector<float> &row) const {
        std::int32_t out = 0;
        Status status = rpmon_model_score(get(), row.data(), row.size(), &out);
        if (!status) return status;
        return out;
    }
    /** What moved the score away from that of the medians of training, the strongest first. */
    Result<std::vector<rpmon_term>> reasons(const std::vector<float> &row) const {
        std::vector<rpmon_term> out(inputs());
        std::size_t count = 0;
        Status status = rpmon_model_reasons(get(), row.data(), row.size(), nullptr, nullptr, out.data(),
                                            out.size(), &count);
        if (!status) return status;
        return out;
    }
};

/** Something the engine has decided. Texts asked of it live as long as it does. */
class Output : public Handle<rpmon_output, rpmon_output_free> {
public:
    using Handle::Handle;
    /** `RPMON_OUTPUT_...`. */
    std::uint32_t type() const noexcept { return rpmon_output_type(get()); }
    /** As a line of JSON. */
    std::string_view json() const noexcept { return view(rpmon_output_json(get())); }
    std::optional<rpmon_record> record() const noexcept { return as<rpmon_record>(rpmon_output_record); }
    std::optional<rpmon_delivery> delivery() const noexcept {
        return as<rpmon_delivery>(rpmon_output_delivery);
    }
    std::optional<rpmon_cancel> cancel() const noexcept { return as<rpmon_cancel>(rpmon_output_cancel); }
    std::optional<rpmon_quarantined> quarantined() const noexcept {
        return as<rpmon_quarantined>(rpmon_output_quarantined);
    }
    std::optional<rpmon_exhausted> exhausted() const noexcept {
        return as<rpmon_exhausted>(rpmon_output_exhausted);
    }
    /** What a message says of one of its alerts. */
    std::optional<rpmon_part> part(std::size_t index) const noexcept {
        rpmon_part out;
        if (rpmon_output_part(get(), index, &out) != RPMON_OK) return std::nullopt;
        return out;
    }

private:
    template <class T, class F>
    std::optional<T> as(F ask) const noexcept {
        T out;
        if (ask(get(), &out) != RPMON_OK) return std::nullopt;
        return out;
    }
};

/** Watches patients by a policy. */
class Engine : public Handle<rpmon_engine, rpmon_engine_free> {
public:
    using Handle::Handle;

    static Result<Engine> make(const Policy &policy, const rpmon_config *config = nullptr) {
        rpmon_engine *out = nullptr;
        Status status = rpmon_engine_new(policy.get(), config, &out);
        if (!status) return status;
        return Engine(out);
    }
    /** Goes on from a snapshot; give all policies that you have. */
    static Result<Engine> restore(std::string_view snapshot, const std::vector<Policy> &policies, Millis now,
                                  rpmon_restore_report *report = nullptr,
                                  const rpmon_config *config = nullptr) {
        std::vector<const rpmon_policy *> raw;
        for (const Policy &policy : policies) raw.push_back(policy.get());
        rpmon_engine *out = nullptr;
        Status status = rpmon_engine_restore(snapshot.data(), snapshot.size(), raw.data(), raw.size(),
                                             config, now, &out, report);
        if (!status) return status;
        return Engine(out);
    }

    Result<std::uint32_t> patient(std::string_view id, std::string_view tenant = {}) {
        std::uint32_t out = 0;
        Status status = rpmon_engine_patient(get(), c_str(tenant), c_str(id), &out);
        if (!status) return status;
        return out;
    }
    Result<std::uint16_t> device(std::uint32_t patient, std::string_view id) {
        std::uint16_t out = 0;
        Status status = rpmon_engine_device(get(), patient, c_str(id), &out);
        if (!status) return status;
        return out;
    }

    /** Readings, each at its own time. If fewer are consumed than given: poll, then give the rest. */
    Result<rpmon_batch> handle(const rpmon_reading *readings, std::size_t count) {
        rpmon_batch out{};
        Status status = rpmon_engine_handle_readings(get(), readings, count, &out);
        if (!status) return status;
        return out;
    }
    /** One event in its JSON form. */
    Result<rpmon_answer> handle_json(std::string_view event, Millis now) {
        rpmon_answer out{};
        Status status = rpmon_engine_handle_json(get(), event.data(), event.size(), now, &out);
        if (!status) return status;
        return out;
    }
    /** Whatever enters, as a line of JSON with the host's time in it. */
    Result<rpmon_answer> handle_input(std::string_view line) {
        rpmon_answer out{};
        rpmon_error *error = nullptr;
        Status status = rpmon_engine_handle_input(get(), line.data(), line.size(), &out, &error);
        if (!status) return {status, Errors(error)};
        return out;
    }
    /** Every step that a version of a model took, as JSON. */
    Result<Bytes> model_history() const {
        Bytes out;
        Status status = rpmon_engine_model_history(get(), out.out());
        if (!status) return status;
        return out;
    }
    Result<rpmon_answer> handle_command(const rpmon_command &command, Millis now) {
        rpmon_answer out{};
        Status status = rpmon_engine_handle_command(get(), &command, now, &out);
        if (!status) return status;
        return out;
    }
    /** What a channel reports of a message: `RPMON_DELIVERY_...`. */
    Result<rpmon_answer> handle_report(std::uint32_t patient, std::string_view key, std::uint32_t state,
                                       Millis now) {
        rpmon_answer out{};
        Status status = rpmon_engine_handle_report(get(), patient, c_str(key), state, now, &out);
        if (!status) return status;
        return out;
    }
    Status handle_timeout(Millis now) noexcept { return rpmon_engine_handle_timeout(get(), now); }

    /** When to call `handle_timeout` if nothing else happens before. */
    std::optional<Millis> next_wakeup() const noexcept {
        Millis out = RPMON_NEVER;
        if (rpmon_engine_next_wakeup(get(), &out) != RPMON_OK || out == RPMON_NEVER) return std::nullopt;
        return out;
    }
    /** The next output; an empty one if there is none. */
    Output poll() noexcept {
        rpmon_output *out = nullptr;
        rpmon_engine_poll(get(), &out);
        return Output(out);
    }
    Result<Bytes> snapshot() const {
        Bytes out;
        Status status = rpmon_engine_snapshot(get(), out.out());
        if (!status) return status;
        return out;
    }
    std::vector<rpmon_alert> alerts(std::uint32_t patient) const {
        std::vector<rpmon_alert> out;
        std::size_t count = 0;
        do {
            out.resize(count);
            Status status = rpmon_engine_alerts(get(), patient, out.data(), out.size(), &count);
            if (!status) return {};
        } while (count > out.size());
        out.resize(count);
        return out;
    }
    /** Why a rule has not raised an alert, in plain words. */
    Result<Bytes> why(std::uint32_t patient, std::string_view rule) {
        Bytes out;
        Status status = rpmon_engine_why_text(get(), patient, c_str(rule), out.out());
        if (!status) return status;
        return out;
    }
};

/** Asks models when they are due, and gives what they say to an engine. */
class Scorer : public Handle<rpmon_scorer, rpmon_scorer_free> {
public:
    using Handle::Handle;

    /** `clock` counts microseconds; without one no model is ever found too slow. */
    static Result<Scorer> make(rpmon_clock_fn clock = nullptr, void *user = nullptr) {
        rpmon_scorer *out = nullptr;
        Status status = rpmon_scorer_new(clock, user, &out);
        if (!status) return status;
        return Scorer(out);
    }
    /** Takes a model in; whom it scores, the engine's registry says (`roll_out` lines). */
    Status load(const Model &model) noexcept { return rpmon_scorer_load(get(), model.get()); }
    /** Asks the models that are due for a patient. */
    Status run(Engine &engine, std::uint32_t patient, Millis now) noexcept {
        return rpmon_scorer_run(get(), engine.get(), patient, now);
    }
};

}  // namespace rpmon

#endif
