import CUDADriver
import DarisReport
import DarisRuntime

/// What is known of the device.
extension GPUCheck {
    func readFacts() {
        func fact(_ name: String, _ value: String?) {
            if let value { results.facts.append(FactRecord(name: name, value: value)) }
        }
        fact("processor", CPUFacts.name)
        fact("processor cores usable", "\(SystemRights.allowedProcessors().count)")
        if let gpu, let context {
            fact("GPU", gpu.name)
            fact("compute capability", "\(gpu.computeCapability)")
            fact("SMs", "\(gpu.multiprocessorCount)")
            fact("compute mode", gpu.isExclusive ? "EXCLUSIVE_PROCESS" : "shared by processes")
            fact("memory, MiB", "\(gpu.totalMemoryBytes >> 20)")
            fact("L2 cache, MiB", Figure.plain(Double(gpu.l2CacheBytes) / 1_048_576))
            do throws(CUDAError) {
                fact("CUDA of the driver", "\(context.library.version)")
                let (free, _) = try context.freeMemory()
                fact("free memory, MiB", "\(free >> 20)")
                let resource = try SMResource(of: context)
                fact("SMs of the smallest green context", "\(resource.leastPartition)")
                fact("SMs given in multiples of", "\(resource.alignment)")
                fact("reported by", resource.isGranularityReported ? "the driver" : "rule of the compute capability")
            } catch {
                note(error.description)
            }
            do throws(NVMLError) {
                fact("driver", try NVMLLibrary.open().driverVersion)
            } catch {
                note(error.description)
            }
            if let readings = energy.readings {
                fact("SM clock, MHz", readings.multiprocessorMegahertz.map(String.init))
                fact("memory clock, MHz", readings.memoryMegahertz.map(String.init))
                fact("temperature, °C", readings.celsius.map(String.init))
                fact("power, W", readings.watts.map { Figure.fixed($0, decimals: 1) })
                fact("energy counter", readings.joules == nil ? "none" : "counts")
                fact("SMs busy before the check, %", readings.utilisation.map { Figure.percent($0) })
            }
        }
        finish(all: true, measured: results.facts.count)
    }
}
