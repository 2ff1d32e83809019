import ArgumentParser
import CDarisSystem
import DarisConfiguration
import DarisCore
import DarisReport
import DarisRuntime
import DarisServer
import Foundation
import Logging

/// `daris serve TASKSET` and `daris serve --models DIR`.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve models to inference clients over HTTP and gRPC.",
        discussion: """
            Speaks the Open Inference Protocol (version 2) with Triton's extensions, so that clients of Triton and KServe \
            work unchanged. Each sporadic task of the task set is a model for clients; periodic tasks run beside them. Every \
            request has a deadline: its own ('timeout' in microseconds) or its task's. Low-priority requests that would be \
            late are refused at once.

            The server listens at once, and says that it is not ready while it loads its models. After Ctrl-C or SIGTERM it \
            accepts no requests, answers those it has, and ends; a second one ends it at once. SIGHUP is ignored: certificates and tokens are read again when their files change.

            Try:
              daris serve examples/serve.yaml
              curl -s localhost:8000/v2/models/classify
              daris serve --models DIR         every ONNX file in a folder

            Exit codes: 0 all requests were answered; 1 something failed, or every context was lost for good; 2 the task \
            set or an option is wrong.
            """)

    @Argument(help: "A YAML file with models, tasks, and a 'serve:' section for other settings than the defaults.")
    var taskset: String?
    @Option(help: ArgumentHelp("Serve every ONNX file in a folder, each as a low-priority model.", valueName: "folder"))
    var models: String?
    @Option(help: ArgumentHelp("With --models: the deadline of requests without one.", valueName: "1s"))
    var deadline = "1 s"
    @Option(help: ArgumentHelp("With --models: the limit of concurrent requests of a model.", valueName: "n"))
    var instances = 4
    @Option(help: ArgumentHelp("The address for HTTP, or off.", valueName: "host:port"))
    var http: String?
    @Option(help: ArgumentHelp("The address for gRPC, or off.", valueName: "host:port"))
    var grpc: String?
    @Flag(help: "Accept other machines without tokens.")
    var insecure = false
    @Option(help: ArgumentHelp("The time limit for open requests at the end.", valueName: "30s"))
    var drain: String?
    @Option(
        help: ArgumentHelp(
            "How long to go on at the end, not ready but taking requests, before they are refused.", valueName: "0s"))
    var drainDelay: String?
    @OptionGroup(title: "Overrides of the file")
    var options: TaskSetOptions
    @Flag(help: "Build, cut and measure everything again.")
    var fresh = false
    @Flag(help: "Run even if the high-priority tasks alone do not fit.")
    var force = false
    @Flag(help: "Ask the system for SCHED_FIFO and locked memory.")
    var realtime = false
    @OptionGroup(title: "Log")
    var log: LogOptions
    @Option(help: ArgumentHelp("Keep every event and decision in a file.", valueName: "file"))
    var record: String?
    @Flag(help: "Print the figures of the whole time as one JSON object at the end.")
    var json = false

    func run() throws {
        LineWriter.unblockStandardError()
        var taskSet = try requestedTaskSet()
        if let record { try RecordWriter.check(record) }
        // A client that disconnects during a write must not end the server.
        signal(SIGPIPE, SIG_IGN)
        // Nor must a terminal that ends. Other servers reload files on this signal; here that needs no signal.
        signal(SIGHUP, SIG_IGN)
        // Each connection is a file.
        FileLimit.raise()
        // Every request allocates and frees tensors.
        daris_keep_freed_memory()
        let logger = log.logger()
        let service = InferenceService(
            limit: taskSet.serve.bounds.requests, logger: logger, droppedLogLines: { Terminal.errors.dropped })
        let server: InferenceServer
        do throws(ServerError) {
            server = try InferenceServer(
                service, settings: taskSet.serve, allowsOpen: insecure, version: Daris.version, logger: logger)
        } catch {
            throw Failure.usage(error)
        }

        // Twice one a processor, for connections and for what is asynchronous; what loads models and runs them asks for room of
        // its own.
        let processors = ProcessInfo.processInfo.activeProcessorCount
        try checkRoom(4 + taskSet.partition.contexts + 2 * processors)
        do throws(ServerError) { try server.checkAddresses() } catch { throw Failure.failed(error) }

        service.expect(taskSet.servedNames)
        let serving = try ServerRun(server)
        let (places, count) = (serving.places, taskSet.models.count)
        Terminal.error("listening: \(places); loading \(count) model\(count == 1 ? "" : "s")")
        let interruption = Interruption { server.endAfterDelay() }
        defer { interruption.end() }
        let prepared: Preparation
        do {
            if models != nil {
                taskSet = try usable(taskSet, service)
                service.expect(taskSet.servedNames)
            }
            prepared = try Preparation.prepareShowingSteps(
                taskSet, fresh: fresh, force: force, realTime: realtime, runsUntilInterrupted: true,
                progress: { service.isLoading($0) }, modelProgress: { service.isLoading($0, of: $1) })
        } catch {
            serving.cancel()
            throw error
        }
        guard prepared.arrivals.contains(.sporadic) else {
            serving.cancel()
            prepared.device.shutDown()
            throw Failure.usage(
                "\(taskSet.source): there is no task to serve; set 'arrival: sporadic' in those for clients"
            )
        }
        if !json {
            // The server runs even if standard output is not read.
            do {
                try Terminal.print(PlanReport(prepared.plan).text(styling: Terminal.styling) + "\n", within: 5)
            } catch {
                Terminal.error("the plan is not shown: \(error.message)")
            }
        }
        let recorder = try record.map { path in
            try RecordWriter(path: path, plan: prepared.plan, configuration: prepared.configuration) { failure in
                Terminal.error("\(failure)")
            }
        }
        var executorOptions = Executor<MachineDevice>.Options()
        executorOptions.terminationLimit = .seconds(Int64(2))
        let overrun = taskSet.serve.bounds.overrun
        if overrun > 0 { executorOptions.overrunLimit = OverrunLimit(factor: Double(overrun)) }
        if let recorder {
            executorOptions.observer = { recorder.observe($0, $1, $2) }
            executorOptions.traceObserver = { recorder.observe($0, $1, $2) }
        }
        executorOptions.whenLost = { reason in
            Terminal.error("ending: \(reason)")
            server.end()
        }
        let executor = prepared.executor(options: executorOptions)
        // One for each context and one more for the executor, and those of signals and files.
        try checkRoom(5 + prepared.configuration.partition.contexts)
        executor.start()
        serving.handOver()
        service.serve(prepared, executor: executor)
        if service.isReady { Terminal.error("ready: \(places)") }
        let served = serving.wait()
        executor.interrupt()
        // Now all requests are answered and only periodic jobs run, or the drain limit is reached.
        let outcome = executor.waitForEnd(drainLimit: max(server.drainTimeLeft, .milliseconds(Int64(100))))
        interruption.end()
        if outcome.summary.jobs.inFlight == 0 || prepared.device.canShutDownWhileHanging {
            prepared.device.shutDown()
        }
        let recording = Result {
            try recorder?.close(at: .seconds(outcome.summary.elapsedS), energy: outcome.energy)
        }
        let report = RunReport(
            summary: outcome.summary, plan: prepared.plan, version: Daris.version, interrupted: false,
            errors: outcome.errors.map { .init(task: $0.task, message: $0.message, count: $0.count) },
            notes: prepared.device.notes)
        var text =
            json
            ? String(decoding: try report.json(), as: UTF8.self) : SummaryReport(report).text(styling: Terminal.styling)
        if !json {
            let totals = service.totals
            text +=
                "\nRequests answered: \(totals.answered), of which \(totals.refused) were refused and \(totals.tooLate) too late\n"
        }
        try Terminal.print(text, within: 5)
        try recording.get()
        if let loss = outcome.loss { throw Failure(message: "the server ended, for \(loss)", exitCode: 1) }
        let left: Int
        do { left = try served.get() } catch { throw Failure.failed(error) }
        if left > 0 {
            throw Failure(message: "\(left) requests had not been answered by the drain limit", exitCode: 1)
        }
    }

    private func checkRoom(_ threads: Int) throws(Failure) {
        do throws(DeviceError) { try ThreadRoom.check(threads) } catch { throw Failure.failed(error) }
    }

    /// A folder's task set without the models that cannot run, each of which is reported.
    private func usable(_ taskSet: TaskSet, _ service: InferenceService) throws -> TaskSet {
        var usable = taskSet
        for (index, model) in taskSet.models.enumerated() {
            service.isLoading(index + 1, of: taskSet.models.count)
            var alone = taskSet
            alone.models = [model]
            alone.tasks.removeAll { $0.model != model.name }
            do throws(PreparationError) {
                _ = try Preparation.readModels(of: alone) { step in
                    Terminal.step(step)
                    service.isLoading(step)
                }
            } catch {
                Terminal.endProgress()
                Terminal.error("not served: \(error)")
                usable.models.removeAll { $0.name == model.name }
                usable.tasks.removeAll { $0.model == model.name }
            }
        }
        Terminal.endProgress()
        guard !usable.tasks.isEmpty else {
            throw Failure(message: "no model in '\(taskSet.source)' can be served; see above", exitCode: 1)
        }
        return usable
    }

    /// The task set of the file or the folder of models, with the options applied.
    private func requestedTaskSet() throws -> TaskSet {
        guard options.duration == nil else {
            throw Failure.usage("--duration: a server runs until it is stopped; leave it out")
        }
        do throws(ConfigurationError) {
            var taskSet: TaskSet
            switch (taskset, models) {
            case (let path?, nil): taskSet = try options.applied(to: try TaskSet.read(path: path))
            case (nil, let folder?):
                guard (1...256).contains(instances) else {
                    throw ConfigurationError(field: "--instances", message: "\(instances) is outside 1 to 256")
                }
                let deadline = try Quantity.parseDuration(
                    deadline, field: "--deadline",
                    in: .milliseconds(Int64(1))...Nanoseconds.seconds(Int64(3_600)))
                let device = options.device ?? DeviceKind.all[0].name
                // What is no device of this machine is refused later, with better words.
                let partition =
                    (try? Preparation.servingPartition(of: device))
                    ?? Partition(contexts: 1, streams: 1, oversubscription: 1)
                do throws(ServerError) {
                    taskSet = try ModelFolder.taskSet(
                        folder, deadline: deadline, instances: instances, partition: partition)
                } catch {
                    throw ConfigurationError(field: "--models", message: error.description)
                }
                taskSet.asksForExpress = false
                taskSet = try options.applied(to: taskSet)
            case (nil, nil): throw ConfigurationError(message: "name a task set, or a folder of models with --models")
            case (_?, _?): throw ConfigurationError(message: "name a task set or a folder of models, not both")
            }
            if let http { taskSet.serve.http = try ServeSettings.parseAddress(http, field: "--http") }
            if let grpc { taskSet.serve.grpc = try ServeSettings.parseAddress(grpc, field: "--grpc") }
            if let drain { taskSet.serve.bounds.drain = try Quantity.parseDuration(drain, field: "--drain") }
            if let drainDelay {
                taskSet.serve.drainDelay = try Quantity.parseDuration(
                    drainDelay, field: "--drain-delay", in: ServeSettings.drainDelays)
            }
            return taskSet
        } catch {
            throw Failure.usage(error)
        }
    }
}

extension TaskSet {
    /// The names of the tasks that clients may ask for.
    fileprivate var servedNames: [String] {
        tasks.filter { if case .sporadic = $0.arrival { true } else { false } }.map(\.name)
    }
}
