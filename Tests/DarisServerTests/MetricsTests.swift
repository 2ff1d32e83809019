import DarisCore
import DarisRuntime
import Testing

@testable import DarisServer

/// Prometheus' text format, read as strictly as its own parsers do.
struct ExpositionText {
    struct Sample: Hashable {
        var name: String
        var labels: [String: String]
        var value: Double
    }

    struct Wrong: Error {
        var line: String
        var why: String
    }

    private(set) var samples: [Sample] = []
    private(set) var types: [String: String] = [:]

    init(_ bytes: [UInt8]) throws {
        guard let text = String(validating: bytes, as: UTF8.self), text.hasSuffix("\n") else {
            throw Wrong(line: "", why: "the text is no UTF-8, or does not end with a line end")
        }
        var family = ""
        for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if line.hasPrefix("# ") {
                let words = line.split(separator: " ", maxSplits: 3).map(String.init)
                guard words.count == 4 else { throw Wrong(line: line, why: "no help or type") }
                if words[1] == "HELP" {
                    guard types[words[2]] == nil else { throw Wrong(line: line, why: "the family comes twice") }
                    family = words[2]
                } else {
                    guard words[1] == "TYPE", words[2] == family else { throw Wrong(line: line, why: "no type") }
                    types[family] = words[3]
                }
            } else {
                let sample = try Self.sample(line)
                let isPart =
                    types[family] == "histogram"
                    ? ["_bucket", "_sum", "_count"].contains { family + $0 == sample.name } : sample.name == family
                guard isPart else { throw Wrong(line: line, why: "not of the family \(family)") }
                guard !samples.contains(where: { $0.name == sample.name && $0.labels == sample.labels }) else {
                    throw Wrong(line: line, why: "the series comes twice")
                }
                samples.append(sample)
            }
        }
    }

    private static func sample(_ line: String) throws -> Sample {
        var rest = Substring(line)
        func name() throws -> String {
            let name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
            guard let first = name.first, !first.isNumber else { throw Wrong(line: line, why: "no name") }
            rest = rest.dropFirst(name.count)
            return String(name)
        }
        func take(_ text: String) throws {
            guard rest.hasPrefix(text) else { throw Wrong(line: line, why: "'\(text)' is missing") }
            rest = rest.dropFirst(text.count)
        }
        var sample = Sample(name: try name(), labels: [:], value: 0)
        if rest.hasPrefix("{") {
            repeat {
                rest = rest.dropFirst()
                let label = try name()
                try take("=\"")
                var value = ""
                while let character = rest.popFirst(), character != "\"" {
                    if character == "\\" {
                        switch rest.popFirst() {
                        case "n": value.append("\n")
                        case "\\": value.append("\\")
                        case "\"": value.append("\"")
                        default: throw Wrong(line: line, why: "an unknown escape")
                        }
                    } else {
                        value.append(character)
                    }
                }
                sample.labels[label] = value
            } while rest.hasPrefix(",")
            try take("}")
        }
        try take(" ")
        guard let value = rest == "+Inf" ? .infinity : Double(rest) else { throw Wrong(line: line, why: "no value") }
        sample.value = value
        return sample
    }

    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        samples.first { $0.name == name && $0.labels == labels }?.value
    }
}

@Suite("Metrics")
struct MetricsTests {
    private func read(_ system: WatchedSystem, models: [ServedModel] = []) throws -> ExpositionText {
        try ExpositionText(
            MetricsPage(
                version: "1.2", isReady: true, requestsInFlight: 3, watchers: 1, droppedLogLines: 7, models: models,
                connections: nil, subject: system.subject
            ).text())
    }

    @Test("the text can be read, and every family has its help and type")
    func format() throws {
        let system = try WatchedSystem()
        let text = try read(system, models: [system.model("net"), system.model("ne\"t\\")])
        #expect(text.value("daris_build_info", ["version": "1.2"]) == 1)
        #expect(text.value("daris_ready") == 1 && text.value("daris_requests_in_flight") == 3)
        #expect(text.value("daris_log_lines_dropped_total") == 7)
        #expect(text.types["daris_jobs_total"] == "counter" && text.types["daris_response_seconds"] == "histogram")
        for (name, type) in text.types {
            #expect(name.hasSuffix("_total") == (type == "counter"), "\(name) is a \(type)")
        }
    }

    @Test("energy and power are there if the device counts them, and absent rather than 0 if not")
    func energy() throws {
        let system = try WatchedSystem()
        let without = try read(system)
        #expect(!without.samples.contains { $0.name.contains("joules") || $0.name.contains("watts") })
        system.energy.withLock { $0 = EnergyUse(joules: 1_234.5, seconds: 12, watts: 250.5) }
        let text = try read(system)
        #expect(text.value("daris_energy_joules_total") == 1_234.5 && text.value("daris_power_watts") == 250.5)
        system.energy.withLock { $0?.watts = nil }
        let less = try read(system)
        #expect(less.value("daris_energy_joules_total") == 1_234.5 && less.value("daris_power_watts") == nil)
    }

    @Test("names with quotation marks, backslashes and line ends come through")
    func escaping() throws {
        let text = try read(try WatchedSystem())
        let labels = ["task": WatchedSystem.awkwardName, "priority": "low", "fate": "completed"]
        #expect(text.value("daris_jobs_total", labels) == 0)
    }

    @Test("figures of jobs and contexts are those of the view")
    func figures() throws {
        let text = try read(try WatchedSystem())
        let camera = ["task": "camera", "priority": "high"]
        #expect(text.value("daris_jobs_total", camera.merging(["fate": "completed"]) { $1 }) == 4)
        #expect(text.value("daris_deadline_misses_total", camera) == 1)
        #expect(text.value("daris_mret_seconds", ["task": "<b>log</b>", "stage": "1"]) == 0.006)
        #expect(text.value("daris_context_utilisation", ["context": "0", "priority": "low"]) == 0.25)
        #expect(text.value("daris_context_headroom", ["context": "0"]) == 1.25)
        #expect(text.value("daris_context_headroom", ["context": "1"]) == 0)
        #expect(text.value("daris_context_up", ["context": "1"]) == 0)
        #expect(text.value("daris_lane_busy_seconds_total", ["context": "0", "lane": "1"]) == 1.5)
    }

    @Test("the headroom is what the admission test leaves, its safety factor included")
    func headroom() throws {
        let system = try WatchedSystem()
        system.view.withLock { $0.contexts[0].admission.safetyFactor.learn(isLate: true, since: .zero, now: .zero) }
        // (2 − 0.5) / 1.25 − 0.25
        #expect(try read(system).value("daris_context_headroom", ["context": "0"]) == 0.95)
    }

    @Test("a histogram's buckets grow up to its count")
    func histograms() throws {
        let text = try read(try WatchedSystem())
        let camera = ["task": "camera", "priority": "high"]
        let buckets = text.samples.filter {
            $0.name == "daris_response_seconds_bucket" && $0.labels["task"] == "camera"
        }
        #expect(buckets.map(\.value) == buckets.map(\.value).sorted())
        #expect(buckets.first { $0.labels["le"] == "0.0025" }?.value == 2)
        #expect(buckets.first { $0.labels["le"] == "10" }?.value == 3)
        #expect(buckets.last?.labels["le"] == "+Inf" && buckets.last?.value == 4)
        #expect(text.value("daris_response_seconds_count", camera) == 4)
        #expect(text.value("daris_response_seconds_sum", camera) == 20.033)
        #expect(text.value("daris_decision_seconds_bucket", ["le": "1e-06"]) == 1)
    }

    @Test("the parts of the statistics have equal counts, and their times add up to the whole")
    func parts() throws {
        let model = try WatchedSystem().model("net")
        let times = ModelStatistics.Times(
            total: .milliseconds(5), queue: .milliseconds(1), compute: .milliseconds(3))
        for _ in 0..<3 { model.statistics.succeeded(.high, times, isLate: false, at: 0) }
        model.statistics.failed(.high, InferenceError(.notFound, "no such output 'x'"), after: .zero, at: 0)
        let report = StatisticsReport.Model(model)
        let parts = [
            report.inferenceStats.queue, report.inferenceStats.computeInput, report.inferenceStats.computeInfer,
            report.inferenceStats.computeOutput,
        ]
        #expect(parts.map(\.count) == [3, 3, 3, 3] && report.inferenceStats.success.count == 3)
        #expect(report.inferenceCount == 3 && report.executionCount == 3 && report.inferenceStats.fail.count == 1)
        #expect(parts.reduce(0) { $0 + $1.ns } == report.inferenceStats.success.ns)
        #expect(Inference_ModelStatistics(model).inferenceStats.computeOutput.ns == 3_000_000)
    }

    @Test("requests are counted by model, priority and fate, and nothing that a client sends makes a series")
    func requests() throws {
        let system = try WatchedSystem()
        let model = system.model("net")
        let before = try read(system, models: [model]).samples.count
        let times = ModelStatistics.Times(
            total: .milliseconds(5), queue: .milliseconds(1), compute: .milliseconds(2))
        model.statistics.succeeded(.high, times, isLate: false, at: 0)
        model.statistics.succeeded(.high, times, isLate: true, at: 0)
        model.statistics.failed(.high, InferenceError(.queueFull(model: "net", limit: 4)), after: .zero, at: 0)
        model.statistics.failed(.high, InferenceError(.notFound, "no such output 'x'"), after: .zero, at: 0)
        model.statistics.failed(.high, InferenceError(.forbidden, "it crashed workers"), after: .zero, at: 0)
        let text = try read(system, models: [model])
        #expect(text.samples.count == before)
        let counts: [String: Double] = [
            "answered": 1, "late": 1, "refused": 1, "invalid": 1, "forbidden": 1, "too_late": 0,
        ]
        for (fate, count) in counts {
            let labels = ["model": "net", "priority": "high", "fate": fate]
            #expect(text.value("daris_requests_total", labels) == count, "\(fate)")
        }
        #expect(text.value("daris_queue_seconds_sum", ["model": "net"]) == 0.002)
        #expect(text.value("daris_request_seconds_sum", ["model": "net"]) == 0.01)
    }

    @Test("the process is told of as Prometheus' own clients tell of theirs")
    func process() throws {
        let text = try read(try WatchedSystem())
        for name in ["process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"] {
            #expect(try #require(text.value(name)) > 0, "\(name)")
        }
        // After 2020.
        #expect(try #require(text.value("process_start_time_seconds")) > 1_577_836_800)
    }

    @Test("a model's refusals are told by their reason, and Triton's metrics where they are wanted")
    func triton() throws {
        let sink = ManualSink()
        let model = ServedModel(
            name: "net", signature: ModelSignature(inputs: [], outputs: []),
            own: RequestQueue(
                name: "net", task: 0, instances: 1, priority: .high, deadline: .seconds(Int64(1)), limit: 4, sink: sink),
            other: nil)
        model.statistics.succeeded(
            .high,
            .init(total: .milliseconds(Int64(8)), queue: .milliseconds(Int64(2)), compute: .milliseconds(Int64(5))),
            isLate: false, at: 0)
        for refusal in [
            Refusal.ending, .ending, .queueFull(model: "net", limit: 4), .takesLonger(model: "net", .zero, left: .zero),
        ] {
            model.statistics.failed(.high, InferenceError(refusal), after: .zero, at: 0)
        }
        func text(_ triton: Bool) throws -> ExpositionText {
            try ExpositionText(
                MetricsPage(
                    version: "1", isReady: true, requestsInFlight: 0, watchers: 0, droppedLogLines: 0, models: [model],
                    connections: nil, subject: nil, triton: triton
                ).text())
        }
        let labels = ["model": "net", "version": "1"]
        let page = try text(true)
        for (name, value) in [
            ("nv_inference_request_success", 1.0), ("nv_inference_request_failure", 4), ("nv_inference_count", 1),
            ("nv_inference_exec_count", 1), ("nv_inference_request_duration_us", 8_000),
            ("nv_inference_queue_duration_us", 2_000), ("nv_inference_compute_infer_duration_us", 5_000),
            ("nv_inference_pending_request_count", 0),
        ] {
            #expect(page.value(name, labels) == value, "\(name)")
        }
        #expect(try text(false).value("nv_inference_count", labels) == nil)
        for (reason, count) in [("ending", 2.0), ("queue_full", 1), ("deadline_too_near", 1), ("rejected", 0)] {
            #expect(page.value("daris_refusals_total", ["model": "net", "reason": reason]) == count, "\(reason)")
        }
        #expect(page.value("daris_requests_running", ["model": "net"]) == 0)
    }

    @Test("there is something to read before there is a system")
    func nothing() throws {
        let page = MetricsPage(
            version: "1", isReady: false, requestsInFlight: 0, watchers: 0, droppedLogLines: 0, models: [],
            connections: nil, subject: nil)
        #expect(try ExpositionText(page.text()).value("daris_ready") == 0)
    }
}
