import ArgumentParser
import CUDADriver
import DarisCore
import DarisReport
import DarisRuntime
import Foundation
import ONNXRuntime

/// `daris doctor`.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Show what this machine offers, and what is missing.",
        discussion: """
            Exit code 0 if task sets can be run here, 1 if not.

            With --sm-map: splits a GPU into green contexts, shows the SMs of each, and proves them with a kernel. Exit code \
            0 if they are proven.
            """)

    @Flag(help: "Show and prove on which SMs green contexts run.")
    var smMap = false
    @Option(help: ArgumentHelp("With --sm-map: the number of contexts (4).", valueName: "n"))
    var contexts: Int?
    @Option(help: ArgumentHelp("With --sm-map: from 1, disjoint (1), to the number of contexts.", valueName: "x"))
    var oversubscription: Double?
    @Option(help: ArgumentHelp("With --sm-map: the GPU, as the driver counts (0).", valueName: "n"))
    var gpu: Int?

    func run() throws {
        if smMap { return try showSMMap() }
        guard contexts == nil, oversubscription == nil, gpu == nil else {
            throw Failure.usage("--contexts, --oversubscription and --gpu go with --sm-map")
        }
        try showMachine()
    }

    private func showSMMap() throws {
        let contexts = contexts ?? 4
        let oversubscription = oversubscription ?? 1
        guard (1...Partition.limit).contains(contexts) else {
            throw Failure.usage("--contexts must be from 1 to \(Partition.limit)")
        }
        guard (1...Double(contexts)).contains(oversubscription) else {
            throw Failure.usage("--oversubscription must be from 1 to the number of contexts, \(contexts)")
        }
        let report: SMMapReport
        do throws(CUDAError) {
            report = try SMMapReport(
                gpu: gpu ?? 0,
                partition: Partition(contexts: contexts, streams: 1, oversubscription: oversubscription))
        } catch {
            throw Failure(message: "the SM map needs a GPU with green contexts: \(error)", exitCode: 1)
        }
        try Terminal.print(report.text)
        if !report.isProven { throw ExitCode(1) }
    }

    private func showMachine() throws {
        var lines: [String] = []
        func say(_ line: String) { lines.append(line) }

        let rights = SystemRights.probe()
        let cores = rights.processors
        say("processor      \(CPUFacts.name)")
        say("cores          \(cores.count) usable by this process (\(cores.map(String.init).joined(separator: ", ")))")
        if let quota = rights.quota {
            say("CPU quota      \(CPUQuota.text(quota)) from the control group; only whole ones are used")
        }
        say("core affinity  threads can be bound to cores")
        say(
            "real time      "
                + (rights.fifo ? "SCHED_FIFO is allowed" : "no right to SCHED_FIFO (CAP_SYS_NICE or 'ulimit -r')"))
        say("memory lock    " + (rights.memoryLock ? "allowed" : "limited (CAP_IPC_LOCK or 'ulimit -l unlimited')"))
        let cache = CacheFolder.standard()
        say("cache          " + (cache.notice ?? cache.path))
        var runtime: ONNXRuntimeLibrary?
        do throws(ONNXRuntimeError) {
            let library = try ONNXRuntimeLibrary.open()
            runtime = library
            say("ONNX Runtime   \(library.version) from \(library.path), \(library.origin.rawValue)")
            for problem in library.passedOver { say("               not used: \(problem)") }
            say("               providers: \(library.providers.joined(separator: ", "))")
            if library.version != ONNXRuntimeLibrary.testedVersion {
                say("               Daris is tested with \(ONNXRuntimeLibrary.testedVersion)")
            }
        } catch {
            say("ONNX Runtime   \(error)")
        }
        lines += GPUReport.lines(runtime: runtime)
        try Terminal.print(lines.joined(separator: "\n"))
        if runtime == nil { throw ExitCode(1) }
    }
}

/// The lines of `daris doctor` about GPUs.
enum GPUReport {
    /// The GPUs, or why there is none.
    ///
    /// - Parameter runtime: ONNX Runtime, if found.
    static func lines(runtime: ONNXRuntimeLibrary?) -> [String] {
        do throws(CUDAError) {
            let library = try CUDALibrary.open()
            guard library.deviceCount > 0 else {
                guard case .unavailable(let reason) = CUDADriver.probe() else { return ["GPU            none"] }
                return ["GPU            none: \(reason)"]
            }
            return try lines(library) + provider(runtime, driver: library.version)
        } catch {
            return ["GPU            none: \(error)"]
        }
    }

    private static func lines(_ library: CUDALibrary) throws(CUDAError) -> [String] {
        let nvml = Result { () throws(NVMLError) in try NVMLLibrary.open() }
        var driver = "GPU            CUDA \(library.version)"
        if case .success(let nvml) = nvml, let version = nvml.driverVersion { driver += " of driver \(version)" }
        var lines = [driver]
        for index in 0..<library.deviceCount {
            let device = try library.facts(ofDevice: index)
            lines.append(
                "               \(device.index): \(device.name), compute capability \(device.computeCapability), "
                    + "\(device.multiprocessorCount) SMs, \(device.totalMemoryBytes >> 30) GiB, "
                    + "L2 \(device.l2CacheBytes >> 20) MiB")
            if device.isExclusive {
                lines.append(
                    "                  compute mode EXCLUSIVE_PROCESS: one process at a time, or those of one MPS server"
                )
            }
            switch nvml {
            case .success(let nvml): lines.append("                  \(figures(of: device, nvml))")
            case .failure(let error): if index == 0 { lines.append("               no figures: \(error)") }
            }
        }
        for (index, support) in PartitionSupport.all(of: library).enumerated() {
            let label = index == 0 ? "partitions     " : "               "
            lines.append(label + "\(support.kind.rawValue): \(support.obstacle.map { "no, \($0)" } ?? "yes")")
        }
        return lines
    }

    /// Whether ONNX Runtime can use the GPUs.
    private static func provider(_ runtime: ONNXRuntimeLibrary?, driver: CUDAVersion) -> [String] {
        guard let runtime else { return [] }
        let obstacle =
            if !runtime.providers.contains("CUDAExecutionProvider") {
                "it was built without CUDA; fetch the build with CUDA by 'Scripts/fetch-onnxruntime --gpu'"
            } else if let needs = CUDAProviderNeeds(of: runtime) {
                needs.problem(driver: driver)
            } else {
                "there is no libonnxruntime_providers_cuda.so beside it; fetch it with 'Scripts/fetch-onnxruntime --gpu'"
            }
        let line = "ONNX Runtime   " + (obstacle.map { "cannot use them: \($0)" } ?? "can use them")
        guard obstacle == nil else { return [line] }
        let engine = TensorRTProviderNeeds(of: runtime).map { needs in needs.problem.map { "no, \($0)" } ?? "yes" }
        return [line, "TensorRT       " + (engine ?? "no, this ONNX Runtime has no provider for it")]
    }

    /// The current figures of a device, as far as it reports them.
    private static func figures(of device: CUDADeviceFacts, _ nvml: NVMLLibrary) -> String {
        do throws(NVMLError) {
            let now = try nvml.device(busID: device.busID).readings()
            var parts: [String] = []
            if let used = now.usedMemoryBytes { parts.append("\(used >> 20) MiB in use") }
            if let share = now.utilisation { parts.append("\(Int((share * 100).rounded())) % busy") }
            if let clock = now.multiprocessorMegahertz { parts.append("SMs at \(clock) MHz") }
            if let clock = now.memoryMegahertz { parts.append("memory at \(clock) MHz") }
            if let watts = now.watts { parts.append("\(Int(watts.rounded())) W") }
            if let celsius = now.celsius { parts.append("\(celsius) °C") }
            if now.joules == nil { parts.append("energy is not counted") }
            return parts.joined(separator: ", ")
        } catch {
            return "no figures: \(error)"
        }
    }
}

/// The SM map of green contexts: the SMs promised to each, and those on which a kernel finds its work.
struct SMMapReport {
    /// The report.
    let text: String
    /// Whether the kernel found the promised SMs.
    let isProven: Bool

    /// Splits a GPU and runs the kernel in every context, one after another.
    ///
    /// - Throws: `CUDAError` without a GPU, or on one whose driver has no green contexts.
    init(gpu: Int, partition: Partition) throws(CUDAError) {
        let context = try CUDAContext(library: try CUDALibrary.open(), device: gpu)
        let green = try GreenPartition(partition, on: context)
        let windows = green.windows
        let map = try SMMap(context: context)
        var seen: [[Int]] = []
        for context in green.contexts {
            seen.append(try map.multiprocessors(of: try CUDAStream(greenContext: context)))
        }
        let proof = SMMapProof(promised: windows.groups.indices.map(windows.multiprocessors), found: seen)
        let mistakes = proof.problems.map { "not proven: " + $0 }
        var lines = [
            "\(context.device.name): \(windows.multiprocessorCount) SMs in \(windows.groupCount) groups of "
                + "\(windows.groupSize)"
                + (green.device.isGranularityReported ? "" : " (least size by rule, the driver does not report it)")
        ]
        lines += windows.notes
        lines.append("")
        var table = TextTable([
            .number("context"), .text("groups"), .number("promised"), .number("seen"), .text("SMs seen"),
        ])
        for (index, window) in windows.groups.enumerated() {
            table.append([
                "\(index)", Self.ranges(window), "\(windows.multiprocessors(of: index).count)", "\(seen[index].count)",
                Self.ranges(seen[index]),
            ])
        }
        lines += table.lines(styling: Terminal.styling)
        lines.append("")
        lines +=
            mistakes.isEmpty ? ["proven: every context runs on its promised SMs, shared ones included"] : mistakes
        text = lines.joined(separator: "\n")
        isProven = mistakes.isEmpty
    }

    /// Ascending numbers, with runs as `first-last`.
    static func ranges(_ numbers: [Int]) -> String {
        var runs: [ClosedRange<Int>] = []
        for number in numbers {
            if let last = runs.last, last.upperBound + 1 == number {
                runs[runs.count - 1] = last.lowerBound...number
            } else {
                runs.append(number...number)
            }
        }
        return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ", ")
    }
}
