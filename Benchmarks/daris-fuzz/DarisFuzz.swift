import ArgumentParser
import DarisSimulator
import Dispatch
import Foundation
import Synchronization

/// Drives whole systems made from seeds, with faults, and checks every event. Exit code 1 if something did not hold.
@main
struct DarisFuzz: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "daris-fuzz",
        abstract: "Drives whole systems made from seeds, with faults, and checks every event.",
        discussion:
            "A failure is printed with its seed and the smallest scenario found; 'daris-fuzz --first SEED --seeds 1' repeats it."
    )

    @Option(help: "How many seeds to try.")
    var seeds = 1_000
    @Option(help: "The first seed.")
    var first: UInt64 = 1

    func validate() throws {
        guard (1...1_000_000_000).contains(seeds) else { throw ValidationError("--seeds must be from 1 to 1000000000") }
        guard first <= UInt64.max - UInt64(seeds) else { throw ValidationError("--first is too large") }
    }

    func run() throws {
        let progress = Mutex((done: 0, shown: ContinuousClock.now, failures: [Fuzzer.Failure]()))
        let chunk = 16
        let (first, seeds) = (first, seeds)
        DispatchQueue.concurrentPerform(iterations: (seeds + chunk - 1) / chunk) { index in
            for seed in index * chunk..<min(seeds, (index + 1) * chunk) {
                let failure = Fuzzer.run(seed: first + UInt64(seed))
                progress.withLock { state in
                    state.done += 1
                    if let failure { state.failures.append(failure) }
                    if state.shown.duration(to: .now) > .seconds(2) {
                        state.shown = .now
                        FileHandle.standardError.write(
                            Data("fuzz: \(state.done) of \(seeds) seeds, \(state.failures.count) failed\n".utf8))
                    }
                }
            }
        }
        let failures = progress.withLock { $0.failures }.sorted { $0.scenario.seed < $1.scenario.seed }
        for failure in failures.prefix(5) { print("\(failure)\n") }
        print("fuzz: \(seeds) seeds from \(first): \(failures.isEmpty ? "all passed" : "\(failures.count) failed")")
        if !failures.isEmpty { throw ExitCode(1) }
    }
}
