import ArgumentParser
import DarisConfiguration
import DarisCore
import DarisReport
import DarisRuntime
import Foundation

/// `daris run TASKSET`.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a task set and report the results.",
        discussion: """
            Cuts the models into stages, measures them (once; later runs use the cache), places the tasks, and releases \
            jobs for the run's duration. Ctrl-C, SIGTERM or SIGHUP ends the releases, waits for jobs in flight, and prints \
            the report; a second Ctrl-C ends at once.

            Exit codes: 0 the run was done; 1 it failed, or every context was lost for good; 2 the task set or an option \
            is wrong; 3 a high-priority job missed its deadline and --strict was given.
            """)

    @Argument(help: "A YAML file with models and tasks; examples/ has some.")
    var taskset: String
    @OptionGroup(title: "Overrides of the file")
    var options: TaskSetOptions
    @Flag(help: "Print one JSON object (docs/json-report.md) instead of tables.")
    var json = false
    @Option(help: ArgumentHelp("Keep every event and decision in a file.", valueName: "file"))
    var record: String?
    @Flag(help: "Build, cut and measure everything again.")
    var fresh = false
    @Flag(help: "Run even if the high-priority tasks alone do not fit.")
    var force = false
    @Flag(help: "Ask the system for SCHED_FIFO and locked memory.")
    var realtime = false
    @Flag(help: "Exit with 3 if a high-priority job missed its deadline.")
    var strict = false

    func run() throws {
        let taskSet = try options.taskSet(taskset)
        if let record { try RecordWriter.check(record) }
        let prepared = try Preparation.prepareShowingSteps(taskSet, fresh: fresh, force: force, realTime: realtime)
        if !json { try Terminal.print(PlanReport(prepared.plan).text(styling: Terminal.styling) + "\n") }

        let recorder = try record.map { path in
            try RecordWriter(path: path, plan: prepared.plan, configuration: prepared.configuration) { failure in
                Terminal.error("\(failure)")
            }
        }
        var executorOptions = Executor<MachineDevice>.Options()
        if let recorder { executorOptions.observer = { recorder.observe($0, $1, $2) } }
        let executor = prepared.executor(options: executorOptions)
        // The executor needs one thread for each context and one more; signals and progress need others.
        do throws(DeviceError) { try ThreadRoom.check(4 + prepared.configuration.partition.contexts) } catch {
            throw Failure.failed(error)
        }
        let interruption = Interruption { executor.interrupt() }
        let progress = showProgress(of: executor, total: taskSet.run.duration)
        let outcome = executor.run()
        progress?.cancel()
        Terminal.endProgress()
        interruption.end()
        // A lane that hangs in a stage cannot be joined; the process ends with it.
        if outcome.summary.jobs.inFlight == 0 || prepared.device.canShutDownWhileHanging {
            prepared.device.shutDown()
        }

        // The record is closed before printing, which may fail; its own failure is reported after.
        let recording = Result {
            try recorder?.close(at: .seconds(outcome.summary.elapsedS), energy: outcome.energy)
        }
        let report = RunReport(
            summary: outcome.summary, plan: prepared.plan, version: Daris.version, interrupted: outcome.wasInterrupted,
            errors: outcome.errors.map { .init(task: $0.task, message: $0.message, count: $0.count) },
            notes: prepared.device.notes)
        if json {
            try Terminal.print(String(decoding: try report.json(), as: UTF8.self))
        } else {
            try Terminal.print(SummaryReport(report).text(styling: Terminal.styling))
        }
        try recording.get()
        if let loss = outcome.loss { throw Failure(message: "the run ended early, for \(loss)", exitCode: 1) }
        let jobs = outcome.summary.jobs
        if jobs.inFlight > 0 || (jobs.failed > 0 && jobs.completed == 0) {
            throw Failure(
                message: jobs.inFlight > 0
                    ? "\(jobs.inFlight) jobs did not end, though their stages were asked to; the device hangs"
                    : "not one job completed; see the errors above", exitCode: 1)
        }
        try outcome.summary.checkStrictness(strict)
    }

    private func showProgress(of executor: Executor<MachineDevice>, total: Nanoseconds) -> (any DispatchSourceTimer)? {
        guard Terminal.showsProgress else { return nil }
        let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "daris-progress"))
        timer.schedule(deadline: .now() + 0.5, repeating: 0.5)
        timer.setEventHandler {
            let snapshot = executor.snapshot()
            Terminal.progress(
                ProgressLine(elapsed: snapshot.elapsed, total: total, hp: snapshot.hp, lp: snapshot.lp).text)
        }
        timer.resume()
        return timer
    }
}

extension Preparation {
    /// Prepares a task set and shows each step on standard error.
    static func prepareShowingSteps(
        _ taskSet: TaskSet, fresh: Bool = false, force: Bool = false, realTime: Bool = false,
        runsUntilInterrupted: Bool = false, progress: @escaping StepHandler = { _ in },
        modelProgress: @escaping @Sendable (_ number: Int, _ total: Int) -> Void = { _, _ in }
    ) throws -> Preparation {
        var options = Preparation.Options()
        options.fresh = fresh
        options.force = force
        options.realTime = realTime
        options.runsUntilInterrupted = runsUntilInterrupted
        options.progress = { step in
            Terminal.step(step)
            progress(step)
        }
        options.modelProgress = modelProgress
        defer { Terminal.endProgress() }
        do {
            return try prepare(taskSet, options: options)
        } catch {
            throw Failure.failed(error)
        }
    }
}
