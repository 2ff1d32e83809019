import ArgumentParser
import DarisConfiguration
import DarisCore
import DarisReport
import DarisRuntime
import DarisSimulator
import Foundation

/// `daris simulate TASKSET`.
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Run a task set in virtual time on a model of a GPU.",
        discussion: """
            The scheduler is the same as in 'daris run'; the device is a model (docs/gpu-model.md), and time is virtual, so \
            a minute takes a second and the same seed gives the same result. Jobs arrive as in real runs; sporadic tasks \
            release jobs by themselves. Reports and --json are those of 'daris run', and say that they are simulated.

            Devices: rtx2080ti (fitted to published measurements); h200, a100, orin (predictions from data sheets); or a \
            device file, NAME.json.

            Example: daris simulate examples/paper-resnet18.yaml --contexts 6 --oversubscription 6

            Exit codes: 0 the simulation was done; 1 it failed; 2 the task set or an option is wrong; 3 a high-priority job \
            missed its deadline and --strict was given.
            """)

    @Argument(help: "A YAML file with models and tasks; examples/ has some.")
    var taskset: String
    @OptionGroup(title: "Overrides of the file")
    var options: TaskSetOptions
    @Flag(help: "Print one JSON object (docs/json-report.md) instead of tables.")
    var json = false
    @Option(help: ArgumentHelp("Keep every event and decision in a file.", valueName: "file"))
    var record: String?
    @Flag(help: "Exit with 3 if a high-priority job missed its deadline.")
    var strict = false

    func run() throws {
        let taskSet = try options.taskSet(taskset)
        if let record { try RecordWriter.check(record) }
        let simulation = try TaskSetSimulation.prepare(taskSet)
        if !json { try Terminal.print(PlanReport(simulation.plan).text(styling: Terminal.styling) + "\n") }

        let recorder = try record.map { path in
            try RecordWriter(path: path, plan: simulation.plan, configuration: simulation.configuration) { failure in
                Terminal.error("\(failure)")
            }
        }
        let result = try simulation.runShowingProgress(total: taskSet.run.duration) { event, time, commands in
            recorder?.observe(event, time, commands)
        }
        let recording = Result {
            try recorder?.close(at: result.end, energy: simulation.gpu.energy(of: result))
        }
        let report = RunReport(summary: result.summary, plan: simulation.plan, version: Daris.version)
        if json {
            try Terminal.print(String(decoding: try report.json(), as: UTF8.self))
        } else {
            try Terminal.print(SummaryReport(report).text(styling: Terminal.styling))
        }
        try recording.get()
        if let violation = result.violation {
            throw Failure(
                message: "this run violated an invariant, which is a defect of Daris: \(violation)",
                exitCode: 1)
        }
        try report.summary.checkStrictness(strict)
    }
}

extension GPUModel {
    /// The energy of a simulated run by the model of the card's power; `nil` where nothing is known of it.
    func energy(of result: VirtualTimeDriver.Result) -> RecordedEnergy? {
        guard let power, result.busyTime > 0 else { return nil }
        let seconds = result.end.inSeconds
        return RecordedEnergy(
            joules: power.joules(seconds: seconds, busy: result.busyTime / 1e9), seconds: seconds)
    }
}

extension TaskSetSimulation {
    /// Prepares a simulation. A task set that cannot be simulated is wrong usage.
    static func prepare(_ taskSet: TaskSet) throws(Failure) -> TaskSetSimulation {
        do { return try TaskSetSimulation(taskSet) } catch { throw Failure.usage(error) }
    }

    /// Runs with a progress line.
    func runShowingProgress(
        total: Nanoseconds, observer: @escaping VirtualTimeDriver.Observer
    ) throws -> VirtualTimeDriver.Result {
        var nextShown = ContinuousClock.now + .milliseconds(500)
        var events = 0
        defer { Terminal.endProgress() }
        return run { event, time, commands in
            observer(event, time, commands)
            events += 1
            guard events % 4096 == 0, ContinuousClock.now > nextShown else { return }
            nextShown += .milliseconds(250)
            let percent = min(100, Int(100 * time.inSeconds / max(total.inSeconds, 1e-9)))
            Terminal.progress("simulated \(Int(time.inSeconds)) of \(Int(total.inSeconds)) s (\(percent) %)")
        }
    }
}

extension RunSummary {
    /// Throws with exit code 3 if HP jobs missed their deadlines under `--strict`.
    func checkStrictness(_ isStrict: Bool) throws(Failure) {
        guard isStrict, hp.missed > 0 else { return }
        let jobs = hp.missed == 1 ? "1 high-priority job" : "\(hp.missed) high-priority jobs"
        throw Failure(message: "--strict: \(jobs) of \(hp.released) missed the deadline", exitCode: 3)
    }
}
