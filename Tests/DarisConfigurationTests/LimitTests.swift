import DarisConfiguration
import Testing

@Suite("Limits")
struct LimitTests {
    @Test(
        "the largest and the smallest values are allowed",
        arguments: [
            text(top: "partition: {contexts: 256, streams: 256, oversubscription: 256}"),
            text(top: "partition: {contexts: 2, oversubscription: 1.0}"),
            text(top: "partition: {kind: cores}"),
            text(model: "{builtin: unet, stages: 1, seed: 0}"),
            text(model: "{builtin: unet, stages: 64, seed: 18446744073709551615}"),
            text(model: "{file: m.onnx, dimensions: {a: 1, b: 1048576}}"),
            text(task: "period: 10 us, priority: high"), text(task: "period: 1 h, priority: high"),
            text(task: "rate: 100 kHz, priority: high"), text(task: "rate: 0.0002777777777777778, priority: high"),
            text(task: "rate: 1, priority: low, deadline: 1 ns"),
            text(task: "rate: 1, priority: low, deadline: 60 min"),
            text(task: "rate: 1, priority: low, phase: 0 ms"), text(task: "rate: 1, priority: low, phase: 1 h"),
            text(task: "rate: 1, priority: low, batch: 1"), text(task: "rate: 1, priority: low, batch: 256"),
            text(task: "rate: 1, priority: low, count: 1"),
            text(task: "rate: 1, priority: low, overrun: {queue: 1}"),
            text(task: "rate: 1, priority: low, arrival: {jitter: 0 s}"),
            text(task: "rate: 1, priority: low, arrival: {jitter: 1 s}"),
            text(task: "period: 1 h, priority: low, arrival: {jitter: 1 h}"),
            text(task: "rate: 1, priority: low, arrival: {sporadic: 0 s}"),
            text(task: "rate: 1, priority: low, arrival: {sporadic: 1 h}"),
            text(task: "rate: 1, priority: low, arrival: {on: 10 us, off: 1 h}"),
            text(task: "rate: 1, priority: low, arrival: {on: 1 h, off: 10 us}"),
            text(task: "rate: 1, priority: low, overrun: {queue: 65536}"),
            text(top: "run: {duration: 1 ms, seed: 0}"), text(top: "run: {duration: 7 d}"),
            text(top: "load: 1 %"), text(top: "load: 10000 %"), text(top: "load: 0.01"), text(top: "load: 10"),
            text(top: "scheduler: {window: 1}"), text(top: "scheduler: {window: 1024}"),
        ])
    func inside(text: String) {
        #expect(complaint(text) == nil)
    }

    @Test(
        "one step beyond is an error that names the bounds",
        arguments: [
            (text(top: "partition: {contexts: 0}"), "partition.contexts: '0' is outside 1 to 256"),
            (text(top: "partition: {contexts: 257}"), "partition.contexts: '257' is outside 1 to 256"),
            (text(top: "partition: {streams: -1}"), "partition.streams: '-1' is outside 1 to 256"),
            (text(top: "partition: {streams: 257}"), "partition.streams: '257' is outside 1 to 256"),
            (
                text(top: "partition: {contexts: 4, oversubscription: 0.9}"),
                "partition.oversubscription: '0.9' is outside 1 to 4, the number of contexts"
            ),
            (
                text(top: "partition: {contexts: 4, oversubscription: 4.1}"),
                "partition.oversubscription: '4.1' is outside 1 to 4, the number of contexts"
            ),
            (
                text(model: "{builtin: unet, stages: 65}"),
                "models.net.stages: '65' is not a number of stages; write auto or a whole number from 1 to 64"
            ),
            (
                text(model: "{builtin: unet, seed: 18446744073709551616}"),
                "models.net.seed: '18446744073709551616' is outside 0 to 18446744073709551615"
            ),
            (
                text(model: "{file: m.onnx, dimensions: {h: 1048577}}"),
                "models.net.dimensions.h: '1048577' is outside 1 to 1048576"
            ),
            (text(task: "period: 9999 ns, priority: low"), "tasks[0].period: '9999 ns' is outside 10 us to 1 h"),
            (text(task: "period: 61 min, priority: low"), "tasks[0].period: '61 min' is outside 10 us to 1 h"),
            (text(task: "rate: 101 kHz, priority: low"), "tasks[0].rate: '101 kHz' is outside 1/3600 Hz to 100 kHz"),
            (text(task: "rate: 0.0002, priority: low"), "tasks[0].rate: '0.0002' is outside 1/3600 Hz to 100 kHz"),
            (text(task: "rate: 1, deadline: 0 s, priority: low"), "tasks[0].deadline: '0 s' is outside 1 ns to 1 h"),
            (text(task: "rate: 1, deadline: 2 h, priority: low"), "tasks[0].deadline: '2 h' is outside 1 ns to 1 h"),
            (text(task: "rate: 1, phase: -1 ns, priority: low"), "tasks[0].phase: '-1 ns' is outside 0 s to 1 h"),
            (text(task: "rate: 1, batch: 257, priority: low"), "tasks[0].batch: '257' is outside 1 to 256"),
            (text(task: "rate: 1, count: 10001, priority: low"), "tasks[0].count: '10001' is outside 1 to 10000"),
            (
                text(task: "rate: 1, overrun: {queue: 65537}, priority: low"),
                "tasks[0].overrun.queue: '65537' is outside 1 to 65536"
            ),
            (
                text(task: "period: 1 h, arrival: {jitter: 61 min}, priority: low"),
                "tasks[0].arrival.jitter: '61 min' is outside 0 s to 1 h"
            ),
            (
                text(task: "rate: 1, arrival: {sporadic: 61 min}, priority: low"),
                "tasks[0].arrival.sporadic: '61 min' is outside 0 s to 1 h"
            ),
            (
                text(task: "rate: 1, arrival: {on: 9 us, off: 1 s}, priority: low"),
                "tasks[0].arrival.on: '9 us' is outside 10 us to 1 h"
            ),
            (
                text(task: "rate: 1, arrival: {on: 1 s, off: 61 min}, priority: low"),
                "tasks[0].arrival.off: '61 min' is outside 10 us to 1 h"
            ),
            (text(top: "run: {duration: 999 us}"), "run.duration: '999 us' is outside 1 ms to 7 d"),
            (text(top: "run: {duration: 8 d}"), "run.duration: '8 d' is outside 1 ms to 7 d"),
            (text(top: "load: 0.9 %"), "load: '0.9 %' is outside 1 % to 10000 %"),
            (text(top: "load: 10001 %"), "load: '10001 %' is outside 1 % to 10000 %"),
            (text(top: "scheduler: {window: 1025}"), "scheduler.window: '1025' is outside 1 to 1024"),
        ])
    func outside(text: String, message: String) {
        let complaint = complaint(text) ?? "nothing"
        #expect(complaint.hasSuffix(": \(message)"), "\(complaint)")
    }

    @Test("names have at most 128 characters, the number of a copy included")
    func names() {
        func file(name: String, count: Int = 1) -> String {
            """
            models: {net: {builtin: unet}}
            tasks: [{name: \(name), model: net, rate: 1, priority: low, count: \(count)}]
            """
        }
        let longest = String(repeating: "n", count: 128)
        #expect(complaint(file(name: longest)) == nil)
        #expect(
            complaint(file(name: longest + "n"))
                == "t.yaml:2:16: tasks[0].name: a name of 129 characters is too long; keep to 128")
        #expect(complaint(file(name: String(longest.dropLast(3)), count: 10)) == nil)
        #expect(
            complaint(file(name: String(longest.dropLast(2)), count: 10))
                == "t.yaml:2:16: tasks[0].name: a name of 129 characters is too long; keep to 128")
    }

    @Test("10,000 tasks are the most, however they come about")
    func tasks() {
        let file = """
            models: {net: {builtin: unet}}
            tasks:
            - {name: a, model: net, rate: 1, priority: low, count: 9999}
            - {name: b, model: net, rate: 1, priority: low, count: 2}
            """
        #expect(complaint(file) == "t.yaml:4:3: tasks[1]: this makes 10001 tasks; keep to 10000")
        let many = """
            models: {net: {builtin: unet}}
            tasks: [{name: a, model: net, rate: 20 Hz, priority: low, count: 300, instances: 256}]
            """
        #expect(complaint(many) == "t.yaml:2:9: tasks[0]: this makes 76800 instances of tasks; keep to 65536")
    }

    @Test("1,000 models are the most")
    func models() {
        func file(_ count: Int) -> String {
            let models = (0..<count).map { "  m\($0): {builtin: unet}\n" }.joined()
            return "models:\n\(models)tasks: [{name: a, model: m0, rate: 1, priority: low}]"
        }
        #expect(complaint(file(1_000)) == nil)
        #expect(complaint(file(1_001)) == "t.yaml:2:3: models: 1001 models are too many; keep to 1000")
    }

    @Test("64 dimensions and 4096 bytes of path are the most")
    func modelParts() {
        func dimensions(_ count: Int) -> String {
            let entries = (0..<count).map { "d\($0): 1" }.joined(separator: ", ")
            return text(model: "{file: m, dimensions: {\(entries)}}")
        }
        #expect(complaint(dimensions(64)) == nil)
        #expect(
            complaint(dimensions(65)) == "t.yaml:2:30: models.net.dimensions: 65 dimensions are too many; keep to 64")
        let path = String(repeating: "p", count: 4_096)
        #expect(complaint(text(model: "{file: \(path)}")) == nil)
        #expect(
            complaint(text(model: "{file: \(path)p}"))
                == "t.yaml:2:15: models.net.file: a path of 4097 bytes is too long; keep to 4096")
    }

    @Test("4 MiB is the largest file")
    func fileSize() {
        let file = text() + "\n#"
        let padding = String(repeating: "x", count: Limits.fileBytes - file.utf8.count)
        #expect(complaint(file + padding) == nil)
        #expect(complaint(file + padding + "x") == "t.yaml: is larger than 4 MiB; a task set must be smaller")
    }
}
