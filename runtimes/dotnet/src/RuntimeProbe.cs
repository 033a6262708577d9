using System;
using System.Collections.Generic;
using System.IO;
using System.Text;

namespace Lambent.Runtime
{
    /// <summary>
    /// Run by Lambent on the host, not in a sandbox: tells which runtimes a `dotnet` has, as one line of JSON. Of each line
    /// only the newest version, which is the one that a program of that line runs on.
    /// </summary>
    internal static class RuntimeProbe
    {
        internal static string Describe()
        {
            // …/shared/Microsoft.NETCore.App/8.0.1/System.Private.CoreLib.dll
            var own = Path.GetDirectoryName(typeof(object).Assembly.Location);
            var shared = Path.GetDirectoryName(own);
            var root = Path.GetDirectoryName(Path.GetDirectoryName(shared));
            var json = new StringBuilder("[");
            foreach (var version in Newest(Directory.GetDirectories(shared)))
            {
                json.Append(json.Length == 1 ? "" : ",").Append("{\"version\":").AppendJson(version);
                json.Append(",\"executable\":").AppendJson(Path.Combine(root, "dotnet"));
                json.Append(",\"prefix\":").AppendJson(root).Append(",\"ownPrefix\":true,\"prefixIsBin\":true,\"stable\":");
                json.Append(version.IndexOf('-') < 0 ? "true" : "false").Append('}');
            }
            return json.Append(']').ToString();
        }

        private static IEnumerable<string> Newest(string[] directories)
        {
            var newest = new SortedDictionary<string, string>();
            foreach (var directory in directories)
            {
                var name = Path.GetFileName(directory);
                if (!File.Exists(Path.Combine(directory, "System.Private.CoreLib.dll")) || NumberOf(name) == null) continue;
                var line = NumberOf(name).ToString(2);
                if (!newest.TryGetValue(line, out var other) || IsNewer(name, other)) newest[line] = name;
            }
            return newest.Values;
        }

        /// <summary>A pre-release comes before the release with its number.</summary>
        private static bool IsNewer(string version, string other)
        {
            var order = NumberOf(version).CompareTo(NumberOf(other));
            return order > 0 || (order == 0 && other.IndexOf('-') >= 0);
        }

        private static Version NumberOf(string name)
        {
            return Version.TryParse(name.Split('-')[0], out var version) ? version : null;
        }
    }
}
