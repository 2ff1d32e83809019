import DarisConfiguration
import DarisCore

/// Reads bytes as a task set, writes it and reads it again, and makes of it what a run does before it starts.
enum TaskSetTrial {
    static func run(_ bytes: [UInt8]) {
        let set: TaskSet
        do throws(ConfigurationError) { set = try TaskSet.parse(bytes, file: "fuzz/set.yaml") } catch {
            expect(!error.description.isEmpty, "an error has words")
            return
        }
        _ = set.warnings
        let text = set.rendered()
        guard var again = try? TaskSet.parse(text, file: set.source) else {
            fatalError("a task set that was written cannot be read:\n\(text)")
        }
        // What it is served by is not written.
        again.serve = set.serve
        expect(again == set, "a task set that was written reads as itself:\n\(text)")

        let afets = set.tasks.indices.map { [Nanoseconds](repeating: .microseconds(Int64($0 % 7) * 1_000), count: 2) }
        guard let tasks = try? set.specifications(afets: afets),
            let configuration = try? SchedulerConfiguration(
                partition: set.partition, tasks: tasks, options: set.scheduler)
        else { return }
        _ = (configuration.overloadedContexts, set.notes(on: configuration))
        for sequence in set.arrivalSequences(periods: tasks.map(\.period), generatingSporadic: true) {
            guard var sequence else { continue }
            var last = Nanoseconds.zero
            for _ in 0..<3 {
                guard let next = sequence.next() else { break }
                expect(next >= last, "releases are in order")
                last = next
            }
        }
    }
}
