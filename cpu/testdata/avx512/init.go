// Command init is the first process of the emulated machine of avx512.sh: it runs /test with the arguments in /arguments,
// one a line, in folder /package, prints how that ended and turns the machine off.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

func main() {
	for _, m := range [][2]string{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}} {
		if err := syscall.Mount(m[0], m[1], m[0], 0, ""); err != nil {
			fmt.Println("mounting", m[1], err)
		}
	}
	arguments, err := os.ReadFile("/arguments")
	if cpu, _ := os.ReadFile("/proc/cpuinfo"); !strings.Contains(string(cpu), " avx512bw ") {
		err = errors.New("the emulated processor has no AVX-512")
	}
	if err == nil {
		test := exec.Command("/test", strings.Split(strings.TrimSpace(string(arguments)), "\n")...)
		test.Dir, test.Env = "/package", []string{"HOME=/tmp", "TMPDIR=/tmp"}
		test.Stdout, test.Stderr = os.Stdout, os.Stderr
		err = test.Run()
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		fmt.Println("ended: 0")
	case errors.As(err, &exit):
		fmt.Println("ended:", max(1, exit.ExitCode()))
	default:
		fmt.Println(err)
		fmt.Println("ended: 125")
	}
	const drain = 0x5409 // TCSBRK: with an argument of 1 it waits until the console has written everything
	syscall.Syscall(syscall.SYS_IOCTL, os.Stdout.Fd(), drain, 1)
	syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
}
