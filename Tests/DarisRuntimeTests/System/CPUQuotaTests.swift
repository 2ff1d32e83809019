import Foundation
import Testing

@testable import DarisRuntime

@Suite("The quota of control groups")
struct CPUQuotaTests {
    /// What a root with these files says.
    private func quota(_ groups: String, _ files: [String: String]) throws -> Double? {
        let folder = try TemporaryFolder()
        for (name, text) in files.merging(["proc/self/cgroup": groups], uniquingKeysWith: { $1 }) {
            let path = folder.path + "/" + (name.hasPrefix("proc") ? name : "sys/fs/cgroup/" + name)
            let parent = (path as NSString).deletingLastPathComponent
            try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
            try (text + "\n").write(toFile: path, atomically: false, encoding: .utf8)
        }
        return CPUQuota.read(root: folder.path)
    }

    @Test("version 2: the least of the own group and those above it counts")
    func version2() throws {
        #expect(try quota("0::/a/b", ["a/b/cpu.max": "150000 100000"]) == 1.5)
        #expect(try quota("0::/a/b", ["a/b/cpu.max": "400000 100000", "a/cpu.max": "100000 50000"]) == 2)
        #expect(try quota("0::/a/b", ["a/b/cpu.max": "max 100000", "a/cpu.max": "max 100000"]) == nil)
        // In a container, where the group is the root.
        #expect(try quota("0::/", ["cpu.max": "50000 100000"]) == 0.5)
        #expect(try quota("0::/../../x", ["cpu.max": "50000 100000"]) == 0.5)
    }

    @Test("version 1: quota and period stand in files of their own, and -1 is none")
    func version1() throws {
        let groups = "5:memory:/a\n4:cpu,cpuacct:/a/b\n1:name=systemd:/c"
        func files(_ mount: String, _ group: String, _ quota: String) -> [String: String] {
            ["\(mount)\(group)/cpu.cfs_quota_us": quota, "\(mount)\(group)/cpu.cfs_period_us": "100000"]
        }
        #expect(try quota(groups, files("cpu,cpuacct", "/a/b", "250000")) == 2.5)
        #expect(try quota(groups, files("cpu", "/a", "250000")) == 2.5)
        #expect(try quota(groups, files("cpu", "", "250000")) == 2.5)
        #expect(try quota(groups, files("cpu,cpuacct", "/a/b", "-1")) == nil)
        #expect(try quota(groups, files("memory", "/a", "250000")) == nil)
    }

    @Test("what is not there or makes no sense is no quota")
    func none() throws {
        #expect(try quota("", [:]) == nil)
        for text in ["", "max", "0 100000", "100000 0", "-5 100000", "x y", "nan 1", "1 2 3"] {
            #expect(try quota("0::/", ["cpu.max": text]) == nil, "\(text)")
        }
        #expect(CPUQuota.read(root: "/there/is/no/such/folder") == nil)
    }

    @Test("whole processors are used, one at least")
    func usable() {
        for (quota, count) in [(nil, 4), (0.1, 1), (1, 1), (1.5, 1), (2, 2), (3.9, 3), (4, 4), (100, 4)] {
            #expect(SystemRights.usable([1, 3, 5, 7], quota: quota) == Array([1, 3, 5, 7].prefix(count)))
        }
    }

    @Test("a plan and the key of measured times say what the quota is")
    func words() {
        func note(_ quota: Double?, _ processors: [Int]) -> String? {
            SystemRights(
                processors: processors, affinity: 4, quota: quota, fifo: false, makesWay: true, memoryLock: false
            ).quotaNote
        }
        #expect(note(1.5, [0]) == "the control group leaves 1.5 CPUs of 4: 1 core is used")
        #expect(note(2, [0, 1]) == "the control group leaves 2 CPUs of 4: 2 cores are used")
        #expect(note(0.25, [0])?.hasPrefix("the control group leaves 0.25 CPUs of 4: stages are stopped") == true)
        #expect(note(nil, [0, 1, 2, 3]) == nil && note(8, [0, 1, 2, 3]) == nil)
        let keys = [nil, 1, 1.5, 10].map { ModelStore.machine(threads: 1, quota: $0, runtime: "1.31.1") }
        #expect(Set(keys).count == 4 && keys[2].contains("× 1 of 1.5 CPUs") && keys[3].contains("10 CPUs"))
    }
}
