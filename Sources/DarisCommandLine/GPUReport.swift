import CUDADriver
import DarisRuntime
import ONNXRuntime

/// The lines of `daris doctor` about GPUs.
enum GPUReport {
    /// What there is, or precisely why there is none.
    ///
    /// - Parameter runtime: ONNX Runtime, if there is one.
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
                "it was built without CUDA; fetch the build that has it with 'Scripts/fetch-onnxruntime --gpu'"
            } else if let needs = CUDAProviderNeeds(of: runtime) {
                needs.problem(driver: driver)
            } else {
                "there is no libonnxruntime_providers_cuda.so beside it; fetch it with 'Scripts/fetch-onnxruntime --gpu'"
            }
        return ["ONNX Runtime   " + (obstacle.map { "cannot use them: \($0)" } ?? "can use them")]
    }

    /// What a device does now, as far as it tells.
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
